//! A loaded model, and the first thing that one can do: rows of tokens to rows of numbers.

use std::path::PathBuf;

use gatecheck_model::{
    batch::Batch, blueprint::head::Head, candidate, checkpoint::Checkpoint, config::ModelConfig,
};

use crate::{error::BackendError, facts::Facts};

/// One loaded model on one device.
pub trait Model {
    /// What runs where.
    fn facts(&self) -> Facts;

    /// Highest memory use of the backend's own allocator in bytes, where it counts.
    fn peak_memory(&self) -> Option<u64>;
}

/// Host data in and out: a call returns when the work is done, so whoever calls can time it.
pub trait Encode: Model {
    /// One row of numbers per row of the batch: logits, or an embedding.
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError>;
}

/// How an arm is to be loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Model folder or artefact.
    pub folder: PathBuf,
    /// The model that the folder was converted from, where graph, head and labels are to be its, as for an artefact of
    /// another tool.
    pub original: Option<PathBuf>,
    /// Threads for the work on the CPU.
    pub threads: usize,
}

impl LoadOptions {
    /// A folder that speaks for itself.
    pub fn new(folder: impl Into<PathBuf>, threads: usize) -> Self {
        Self { folder: folder.into(), original: None, threads }
    }

    /// The configuration of what is to be loaded, and its weights.
    pub fn open(&self) -> Result<(ModelConfig, Checkpoint), BackendError> {
        let Some(original) = &self.original else {
            let config = ModelConfig::open(&self.folder)?;
            let checkpoint = Checkpoint::open(&self.folder, &config)?;
            return Ok((config, checkpoint));
        };
        let config = candidate::configuration(&self.folder, original)?;
        let checkpoint = Checkpoint::open_with(&self.folder, original, &config)?;
        Ok((config, checkpoint))
    }
}

/// The head of a model that is to be measured.
pub fn required_head(config: &ModelConfig, options: &LoadOptions) -> Result<Head, BackendError> {
    config.head.clone().ok_or_else(|| BackendError::Headless { folder: options.folder.clone() })
}
