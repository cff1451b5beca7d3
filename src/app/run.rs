//! A whole run: a model on one dataset or several. Every cell is planned before the first is measured, so
//! that what cannot be measured shows at once and not after an hour.

use std::path::{Path, PathBuf};

use gatecheck_base::fs::check_writable;
use gatecheck_judge::{
    record::{Policy, RunRecord},
    report::Report,
};

use super::{
    cell::Cell,
    defaults,
    error::AppError,
    event::Observer,
    judge,
    measure::Workers,
    plan::{self, Original},
    prepare,
    settings::{Artefacts, Comparison, Measuring},
    source::{DatasetReference, ModelReference},
};

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model.
    pub model: ModelReference,
    /// The datasets, each with the folder of its reports.
    pub datasets: Vec<(DatasetReference, PathBuf)>,
    /// What is compared.
    pub comparison: Comparison,
    /// Where the converted models are.
    pub artefacts: Artefacts,
    /// How much is measured, and how.
    pub measuring: Measuring,
    /// The limits.
    pub policy: Policy,
}

/// A cell, and where its reports go.
#[derive(Debug, Clone)]
pub struct Job {
    /// What is measured.
    pub cell: Cell,
    /// The folder of its reports.
    pub out: PathBuf,
}

/// What a measured cell left.
#[derive(Debug)]
pub struct Outcome {
    /// What was measured.
    pub record: RunRecord,
    /// How it is judged.
    pub report: Report,
}

/// The folder of a cell's reports: the one asked for, one in it where there are several datasets, or else
/// one named after model and dataset.
pub fn out_folder(out: Option<&Path>, model: &str, dataset: &str, datasets: usize) -> PathBuf {
    let plain = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c), "-");
    match out {
        Some(out) if datasets == 1 => out.to_owned(),
        Some(out) => out.join(plain(dataset)),
        None => Path::new(defaults::REPORTS).join(format!("{}-{}", plain(model), plain(dataset))),
    }
}

/// Fetches and checks everything, makes the artefacts, and plans every cell. Measures nothing, and leaves no
/// folder for reports if anything is wrong.
pub fn plan(request: &Request, observer: &mut dyn Observer) -> Result<Vec<Job>, AppError> {
    let Request { model, datasets, comparison, artefacts, measuring, policy } = request;
    for (position, (_, out)) in datasets.iter().enumerate() {
        if datasets[..position].iter().any(|(_, other)| other == out) {
            return Err(AppError::SharedFolder(out.clone()));
        }
        check_writable(out)?;
    }
    let arms = plan::arms(comparison, measuring)?;
    let original = Original::open(prepare::model(model, observer)?)?;
    let mut asked = Vec::with_capacity(datasets.len());
    for (dataset, out) in datasets {
        let rows = prepare::dataset(dataset, observer)?;
        asked.push((plan::ask(&original, &rows, &dataset.texts, measuring.batch_size)?, out));
    }
    let mut ready = Vec::with_capacity(arms.len());
    for arm in arms {
        let artefact =
            arm.recipe().map(|recipe| prepare::artefact(original.source(), recipe, artefacts, observer));
        ready.push(arm.clone().with_files(&original, artefact.transpose()?, measuring.threads)?);
    }
    let facts = original.facts()?;
    let job = |(asked, out): (_, &PathBuf)| Job {
        cell: plan::cell(facts.clone(), asked, ready.clone(), measuring, policy.clone()),
        out: out.clone(),
    };
    Ok(asked.into_iter().map(job).collect())
}

/// Measures and judges one cell, and writes its record and reports.
pub fn measure(job: &Job, workers: &Workers, observer: &mut dyn Observer) -> Result<Outcome, AppError> {
    let record = workers.measure(&job.cell, observer);
    judge::write_record(&job.out, &record)?;
    let report = judge::judge(&job.out, &record, &record.policy)?;
    Ok(Outcome { record, report })
}
