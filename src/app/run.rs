//! A whole run: a model on one dataset or several. Every cell is planned before the first is measured, so
//! that what cannot be measured shows at once and not after an hour.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

use gatecheck_backend::{measure::machine::load, worker::protocol::BackendKind};
use gatecheck_base::fs::{FileError, check_writable, sha256};
use gatecheck_judge::{
    journal::Journal,
    record::{ModelFacts, Policy, RunRecord},
    report::Report,
};

use super::{
    alone,
    cell::{ArmPlan, Cell},
    defaults,
    error::AppError,
    event::Observer,
    judge,
    measure::Workers,
    plan::{self, Files, Original, Weights},
    prepare,
    record::{self, RecordError},
    settings::{Artefacts, Comparison, Measuring},
    source::{Candidates, DatasetReference, ModelReference},
};

/// What a run is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The model.
    pub model: ModelReference,
    /// The datasets, each with the folder of its reports.
    pub datasets: Vec<(DatasetReference, PathBuf)>,
    /// What is compared.
    pub comparison: Comparison,
    /// What is compared besides.
    pub candidates: Candidates,
    /// Where the converted models are.
    pub artefacts: Artefacts,
    /// How much is measured, and how.
    pub measuring: Measuring,
    /// The limits.
    pub policy: Policy,
}

/// A cell, and where its reports go.
#[derive(Debug)]
pub struct Job {
    /// What is measured.
    pub cell: Cell,
    /// The folder of its reports.
    pub out: PathBuf,
    /// Where it starts.
    pub(super) start: Start,
}

impl Job {
    /// What is about to be measured, in a line.
    pub fn told(&self) -> String {
        let cell = &self.cell;
        let arms: Vec<_> = cell.arms.iter().map(|arm| arm.name.as_str()).collect();
        format!(
            "{} {} on {} {}: {} examples, arms {}",
            if self.is_resumed() { "going on with" } else { "measuring" },
            cell.model.name,
            cell.dataset.name,
            cell.dataset.split,
            cell.inputs.len(),
            arms.join(", ")
        )
    }

    /// Whether it goes on with what was begun before.
    pub fn is_resumed(&self) -> bool {
        matches!(self.start, Start::Resumed(..))
    }
}

/// Where a job starts.
#[derive(Debug)]
pub(super) enum Start {
    /// From nothing; with what its journal keeps, a [`Begun`].
    Fresh(serde_json::Value),
    /// With the journal of an earlier process and what it holds.
    Resumed(Journal, Box<RunRecord>),
}

/// What a journal keeps, so that the same cell can be planned again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Where the program ran: the paths of the request may be relative to it.
    pub(super) working_folder: PathBuf,
    /// The request, of this dataset alone.
    pub(super) request: Request,
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
    match out {
        Some(out) if datasets == 1 => out.to_owned(),
        Some(out) => out.join(folder_name(dataset)),
        None => cell_folder(Path::new(defaults::REPORTS), model, dataset),
    }
}

/// The folder of a cell's reports among those of many.
pub fn cell_folder(root: &Path, model: &str, dataset: &str) -> PathBuf {
    root.join(folder_name(&format!("{model}-{dataset}")))
}

/// Longest name of a folder of reports, in bytes.
const LONGEST: usize = 120;

/// A name as that of one folder, on any file system: never a way out of its parent, never a hidden one.
pub(super) fn folder_name(name: &str) -> String {
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let mut plain: String = name.chars().map(plain).collect();
    if plain.len() > LONGEST {
        let checksum = sha256(name.as_bytes());
        plain = format!("{}-{}", &plain[..LONGEST], &checksum[..8]);
    }
    let visible = plain.trim_start_matches('.');
    format!("{}{visible}", "_".repeat((plain.len() - visible.len()).max(usize::from(plain.is_empty()))))
}

/// Whether two folders are one where capitals make no difference.
fn is_same(one: &Path, other: &Path) -> bool {
    one.as_os_str().eq_ignore_ascii_case(other)
}

/// Fetches and checks everything, makes the artefacts, and plans every cell. Measures nothing, and leaves no
/// folder for reports if anything is wrong, nor the reports of an earlier run. Its record stays.
pub fn plan(request: &Request, observer: &mut dyn Observer) -> Result<Vec<Job>, AppError> {
    let datasets = &request.datasets;
    for (position, (_, out)) in datasets.iter().enumerate() {
        if datasets[..position].iter().any(|(_, other)| is_same(other, out)) {
            return Err(AppError::SharedFolder(out.clone()));
        }
        check_writable(out)?;
        Journal::may_begin(out).map_err(RecordError::from)?;
    }
    // From here on what lies there is not of this run, and whatever becomes of it must not be taken for that.
    datasets.iter().try_for_each(|(_, out)| judge::withdraw(out))?;
    let job = |(cell, dataset): (Cell, &(DatasetReference, PathBuf))| {
        let start = Start::Fresh(begun(request, dataset)?);
        Ok(Job { cell, out: dataset.1.clone(), start })
    };
    cells(request, load(), |_| Ok(()), observer)?.into_iter().zip(datasets).map(job).collect()
}

/// What the journal of this dataset is to keep.
pub(super) fn begun(
    request: &Request,
    dataset: &(DatasetReference, PathBuf),
) -> Result<serde_json::Value, AppError> {
    let failed = |error| FileError::new("find", Path::new("."), error);
    let working_folder = std::env::current_dir().map_err(failed)?;
    let request = Request { datasets: vec![dataset.clone()], ..request.clone() };
    Ok(serde_json::to_value(Begun { working_folder, request }).map_err(|error| failed(error.into()))?)
}

/// The cells of a request, in the order of its datasets. `load_before` as in [`Cell`]; `may_go_on` hears of the
/// model before anything is made of it.
pub(super) fn cells(
    request: &Request,
    load_before: Option<f64>,
    may_go_on: impl Fn(&ModelFacts) -> Result<(), AppError>,
    observer: &mut dyn Observer,
) -> Result<Vec<Cell>, AppError> {
    let Request { model, datasets, comparison, candidates, artefacts, measuring, policy } = request;
    let arms = plan::arms(comparison, &candidates.references, measuring)?;
    let original = Original::open(prepare::model(model, observer)?)?;
    let facts = original.facts()?;
    may_go_on(&facts)?;
    let (mut asked, mut all_rows) = (Vec::with_capacity(datasets.len()), Vec::new());
    for (dataset, out) in datasets {
        let rows = prepare::dataset(dataset, observer)?;
        asked.push(plan::ask(&original, &rows, &dataset.texts, measuring.batch_size, out)?);
        all_rows.push((rows, &dataset.texts));
    }
    let mut ready = Vec::with_capacity(arms.len());
    for arm in arms {
        let files = match arm.weights() {
            Weights::Original => Files::Original,
            Weights::Converted(recipe) => {
                Files::Converted(Box::new(prepare::artefact(original.source(), recipe, artefacts, observer)?))
            }
            Weights::Given(reference) => Files::Given(prepare::model(reference, observer)?),
        };
        ready.push(arm.with_files(&original, files, candidates.any_weights, measuring.threads)?);
    }
    let mut cells = Vec::with_capacity(asked.len());
    for (asked, (rows, texts)) in asked.into_iter().zip(&all_rows) {
        let mut arms = ready.clone();
        for arm in arms.iter_mut().filter(|arm| arm.given.is_some()) {
            let finding = plan::tokenizer_finding(&original, &arm.spec.folder, rows, texts)?;
            arm.findings.extend(finding.map(|finding| format!("`{}`: {finding}", arm.name)));
        }
        cells.push(plan::cell(facts.clone(), asked, arms, measuring, policy.clone(), load_before));
    }
    Ok(cells)
}

/// Measures and judges one cell, and writes its record and reports. Waits until no other process measures.
pub fn measure(job: Job, workers: &Workers, observer: &mut dyn Observer) -> Result<Outcome, AppError> {
    let Job { mut cell, out, start } = job;
    // Scripted arms disturb nobody, and nobody them.
    let is_scripted = |arm: &ArmPlan| matches!(arm.spec.backend, BackendKind::Mock(_));
    let turn = (!cell.arms.iter().all(is_scripted)).then(|| alone::turn(workers, observer));
    if turn.as_ref().is_some_and(|turn| turn.waited) {
        // What there is of it is the other's.
        cell.load_before = None;
    }
    let launcher = workers.launcher();
    let (record, journal) = match start {
        Start::Fresh(begun) => record::measure(&cell, &out, begun, launcher, observer)?,
        Start::Resumed(journal, so_far) => record::go_on(&cell, journal, &so_far, &out, launcher, observer)?,
    };
    drop(turn);
    let report = judge::judge(&out, &record, &record.policy)?;
    record::close(journal, &record, &out)?;
    Ok(Outcome { record, report })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_stay_where_they_are() {
        let cases = [
            ("sst2", "sst2"),
            ("a b/c\\d", "a-b-c-d"),
            ("..", "__"),
            (".", "_"),
            ("", "_"),
            ("../../etc", "__-..-etc"),
            (".hidden", "_hidden"),
            ("nul\0 é\u{1b}", "nul----"),
        ];
        for (name, folder) in cases {
            assert_eq!(
                out_folder(Some(Path::new("out")), "m", name, 2),
                Path::new("out").join(folder),
                "{name:?}"
            );
        }
        assert_eq!(out_folder(None, "..", "..", 1), Path::new(defaults::REPORTS).join("__-.."));
        assert_eq!(out_folder(Some(Path::new("..")), "m", "..", 1), Path::new(".."));
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let [one, other] = ["a", "b"].map(|end| folder_name(&format!("{}{end}", "x".repeat(300))));
        assert!(one.len() == LONGEST + 9 && one.len() == other.len() && one != other, "{one} {other}");
    }
}
