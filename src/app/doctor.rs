//! Tries out the arms of this build on the embedded model.

use std::{path::Path, time::Duration};

use gatecheck_backend::{
    measure::machine::cores,
    worker::{
        WorkerError,
        protocol::{BackendKind, Loaded, Request, Response, Share, WorkerSpec},
    },
};
use gatecheck_base::fs::FileError;
use gatecheck_model::batch::Batch;
use tempfile::TempDir;

use super::{
    defaults, demo,
    error::AppError,
    event::Silent,
    measure::Workers,
    plan::{self, Original},
    prepare,
};

/// Rows that each arm answers.
const ROWS: usize = 32;

/// What an arm showed.
#[derive(Debug)]
pub struct Tried {
    /// What it runs on.
    pub loaded: Loaded,
    /// Its logits.
    pub outputs: Vec<f32>,
    /// The shortest of a few times.
    pub ns: u64,
    /// How near it comes to what its matrix products allow, where it knows.
    pub share: Option<Share>,
}

/// A folder for a trial, which goes with its value. Nobody can foresee its name and put something else there.
pub fn scratch() -> Result<TempDir, FileError> {
    let parent = std::env::temp_dir();
    let folder = tempfile::Builder::new().prefix("gatecheck-doctor-").tempdir_in(&parent);
    folder.map_err(|error| FileError::new("write into", &parent, error))
}

/// The embedded model in a folder, and a batch of its rows.
#[derive(Debug)]
pub struct Trial {
    original: Original,
    batch: Batch,
}

impl Trial {
    /// Writes the model into `folder`.
    pub fn new(folder: &Path) -> Result<Self, AppError> {
        let mut dataset = demo::dataset(folder)?;
        dataset.limit = Some(ROWS);
        let original = Original::open(prepare::model(&demo::model(folder)?, &mut Silent)?)?;
        let rows = prepare::dataset(&dataset, &mut Silent)?;
        let asked = plan::ask(&original, &rows, &dataset.texts, defaults::BATCH_SIZE, folder)?;
        let examples: Vec<usize> = (0..asked.inputs().len()).collect();
        Ok(Self { batch: asked.inputs().batch(&examples)?, original })
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// The arms of this build.
    pub fn arms() -> Vec<(&'static str, BackendKind)> {
        let mut arms = vec![("candle", BackendKind::Candle)];
        if cfg!(feature = "mlx") {
            arms.push(("mlx", BackendKind::Mlx));
        }
        arms
    }

    /// Loads an arm in its own process and runs the batch a few times.
    pub fn try_arm(&self, backend: BackendKind) -> Result<Tried, WorkerError> {
        let spec = WorkerSpec {
            backend,
            folder: self.original.source().folder.clone(),
            original: None,
            threads: cores(),
        };
        let mut worker = Workers::new(Duration::from_secs(120))?.launcher().launch()?;
        let unexpected = || WorkerError::Protocol("another answer was due".to_owned());
        let Response::Loaded(loaded) = worker.call(&Request::Load(spec))? else { return Err(unexpected()) };
        let (mut outputs, mut fastest) = (Vec::new(), u64::MAX);
        for _ in 0..20 {
            let request = Request::Encode { batch: self.batch.clone() };
            let Response::Encoded { ns, values, .. } = worker.call(&request)? else {
                return Err(unexpected());
            };
            fastest = fastest.min(ns);
            outputs = values;
        }
        let request = Request::Share { batch: self.batch.clone() };
        let Response::Share(share) = worker.call(&request)? else { return Err(unexpected()) };
        Ok(Tried { loaded, outputs, ns: fastest, share })
    }
}
