//! From a cell to its record in a folder, by way of the journal; a run that was cut short goes on from there.

use std::{
    io,
    path::{Path, PathBuf},
};

use gatecheck_backend::worker::Launcher;
use gatecheck_base::{
    fs::{FileError, sha256},
    kind::ErrorKind,
};
use gatecheck_judge::{
    journal::{self, Folded, Header, Journal, JournalError, fold},
    record::{self, ArmRecord, RunRecord},
};

use super::{cell::Cell, event::Observer, runner, version::VERSION};

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The record.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// What it takes to measure to the end, or to keep it, can no longer be written or read.
    #[error("the run in `{}` could not be finished", folder.display())]
    CutShort {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        source: FileError,
    },
    /// The run began with another gatecheck.
    #[error("the run in `{}` began with gatecheck {begun_with}; this is {VERSION}", folder.display())]
    OtherVersion {
        /// The folder.
        folder: PathBuf,
        /// That other version.
        begun_with: String,
    },
    /// What the run began with is not what there is now.
    #[error("{what} changed since the run in `{}` began", folder.display())]
    Changed {
        /// The folder.
        folder: PathBuf,
        /// What changed.
        what: String,
    },
}

impl RecordError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        let or_anew = |way: &str, folder: &Path| {
            let journal = folder.join(journal::JOURNAL);
            format!("{way}, or measure anew: take another `--out`, or remove `{}`", journal.display())
        };
        match self {
            Self::Journal(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::CutShort { folder, .. } => {
                let folder = folder.display();
                Some(format!("make room there, then go on with `gatecheck run --resume {folder}`"))
            }
            Self::OtherVersion { folder, .. } => Some(or_anew("go on with that version", folder)),
            Self::Changed { folder, .. } => Some(or_anew("bring back what was there", folder)),
        }
    }
}

impl RecordError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Record(record::RecordError::Read(error)) => error.kind(ErrorKind::Usage),
            // A folder without a journal is no error until one was begun there.
            Self::Journal(JournalError::File(_))
            | Self::Record(record::RecordError::Write(_))
            | Self::CutShort { .. } => ErrorKind::Disk,
            Self::Journal(_) | Self::Record(_) | Self::OtherVersion { .. } | Self::Changed { .. } => {
                ErrorKind::Usage
            }
        }
    }
}

/// What there is of a run in a folder.
#[derive(Debug)]
pub struct Opened {
    /// The record; of an unfinished run, as far as it has come.
    pub record: RunRecord,
    /// Where it is from.
    pub source: Source,
}

/// Where a record is from.
#[derive(Debug)]
pub enum Source {
    /// The record of a finished run.
    Record,
    /// A journal, locked as long as this lives: nobody goes on with the run meanwhile.
    Journal(Journal),
    /// A journal that another process is writing.
    AtWork,
}

/// Measures a cell into `folder`. `run` is what it takes to plan the same cell again.
pub fn measure(
    cell: &Cell,
    folder: &Path,
    run: serde_json::Value,
    launcher: &dyn Launcher,
    observer: &mut dyn Observer,
) -> Result<(RunRecord, Journal), RecordError> {
    let header = Header { schema_version: journal::SCHEMA_VERSION, record: runner::begin(cell), run };
    let mut journal = Journal::begin(folder, header)?;
    runner::run(cell, None, &mut journal, launcher, observer).map_err(|error| cut_short(folder, error))?;
    conclude(folder).map(|record| (record, journal))
}

/// Goes on with a run that was cut short.
pub fn go_on(
    cell: &Cell,
    mut journal: Journal,
    so_far: &RunRecord,
    folder: &Path,
    launcher: &dyn Launcher,
    observer: &mut dyn Observer,
) -> Result<(RunRecord, Journal), RecordError> {
    runner::run(cell, Some(so_far), &mut journal, launcher, observer)
        .map_err(|error| cut_short(folder, error))?;
    conclude(folder).map(|record| (record, journal))
}

fn cut_short(folder: &Path, source: FileError) -> RecordError {
    RecordError::CutShort { folder: folder.to_owned(), source }
}

/// Folds the journal in `folder`, which stays locked; of a run that is finished, writes the record.
pub fn conclude(folder: &Path) -> Result<RunRecord, RecordError> {
    let Folded { mut record, .. } = fold(folder)?;
    if !record.interrupted {
        record::write(folder, &mut record)?;
    }
    Ok(record)
}

/// Removes the journal of a run that is finished, once its reports are written: until then no other run can begin
/// in the folder, or the reports of one would lie beside the record of the other.
pub fn close(journal: Journal, record: &RunRecord, folder: &Path) -> Result<(), RecordError> {
    if record.interrupted {
        return Ok(());
    }
    journal.remove().map_err(|error| cut_short(folder, error))
}

/// The record in `folder`, or what there is of one in a journal, which is of a later run.
pub fn open(folder: &Path) -> Result<Opened, RecordError> {
    let found = match Journal::resume(folder) {
        Ok((journal, folded)) => Ok((folded, Source::Journal(journal))),
        Err(JournalError::Locked { .. }) => fold(folder).map(|folded| (folded, Source::AtWork)),
        Err(error) => Err(error),
    };
    match found {
        Ok((Folded { record, .. }, source)) => Ok(Opened { record, source }),
        // Nothing was measured in it, or the process that wrote it has finished meanwhile.
        Err(error) if is_absent(&error) || is_empty(&error) && folder.join(record::RECORD).exists() => {
            Ok(Opened { record: record::read(folder)?, source: Source::Record })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether there is no journal.
pub(super) fn is_absent(error: &JournalError) -> bool {
    let JournalError::File(FileError { source, .. }) = error else { return false };
    matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_empty(error: &JournalError) -> bool {
    matches!(error, JournalError::Headless { .. })
}

/// What a record is about, whatever model and dataset are called and by which gates it was judged: one checksum over
/// the content of the model and of the dataset, their reading, the settings and the arms.
pub fn content(record: &RunRecord) -> String {
    let (mut model, mut dataset) = (record.model.clone(), record.dataset.clone());
    for name in
        [&mut model.name, &mut model.source, &mut dataset.name, &mut dataset.source, &mut dataset.split]
    {
        name.clear();
    }
    (model.revision, dataset.revision) = (None, None);
    let arm = |arm: &ArmRecord| {
        let ArmRecord { name, role, backend, quantization, size_bytes, expected_size_bytes, .. } = arm;
        serde_json::json!([
            name,
            role,
            backend,
            quantization,
            size_bytes,
            expected_size_bytes,
            arm.recipe_sha256,
            arm.output_width,
            arm.given.as_ref().map(|given| &given.sha256)
        ])
    };
    let arms: Vec<_> = record.arms.iter().map(arm).collect();
    let facts =
        serde_json::json!([model, dataset, record.gold, record.tokens, record.seed, record.settings, arms]);
    sha256(facts.to_string().as_bytes())
}

/// Refuses a cell that is not the one that the run in `folder` began with.
pub fn check_unchanged(so_far: &RunRecord, cell: &Cell, folder: &Path) -> Result<(), RecordError> {
    match changed(so_far, &runner::begin(cell)) {
        Some(what) => Err(RecordError::Changed { folder: folder.to_owned(), what }),
        None => Ok(()),
    }
}

/// What differs between the record of a run so far and the one that would begin now.
fn changed(before: &RunRecord, now: &RunRecord) -> Option<String> {
    let arm = |(before, now): (&ArmRecord, &ArmRecord)| {
        let facts = |arm: &ArmRecord| {
            // Not where the weights lie: what they are is known by sizes and checksums.
            let ArmRecord { name, role, backend, quantization, size_bytes, .. } = arm.clone();
            let given = arm.given.clone().map(|given| given.sha256);
            let made = (arm.expected_size_bytes, arm.recipe_sha256.clone(), arm.output_width, given);
            (name, role, backend, quantization, size_bytes, made)
        };
        (facts(before) != facts(now)).then(|| format!("arm `{}`", before.name))
    };
    let checks = [
        (before.model != now.model, "the model"),
        (before.dataset.sha256 != now.dataset.sha256, "the dataset"),
        (
            before.dataset != now.dataset || before.gold != now.gold,
            "the labels or the reading of the dataset",
        ),
        (before.tokens != now.tokens, "the tokenizer"),
        ((before.seed, &before.settings) != (now.seed, &now.settings), "the settings"),
        (before.policy != now.policy, "the gates"),
        (before.arms.len() != now.arms.len(), "the arms"),
    ];
    let first = checks.into_iter().find(|(differs, _)| *differs).map(|(_, what)| what.to_owned());
    first.or_else(|| before.arms.iter().zip(&now.arms).find_map(arm))
}

#[cfg(test)]
mod tests {
    use gatecheck_judge::fixture;

    use super::*;

    #[test]
    fn what_changed_is_named() {
        let before = fixture::record();
        assert_eq!(changed(&before, &before), None);
        type Change = fn(&mut RunRecord);
        let cases: [(Change, &str); 8] = [
            (|now| now.model.sha256 = String::new(), "the model"),
            (|now| now.dataset.sha256 = String::new(), "the dataset"),
            (|now| now.gold[5] = 9.0, "the labels or the reading of the dataset"),
            (|now| now.tokens[5] = 9, "the tokenizer"),
            (|now| now.settings.threads = 9, "the settings"),
            (|now| now.policy.strict = true, "the gates"),
            (|now| drop(now.arms.pop()), "the arms"),
            (|now| now.arms[2].recipe_sha256 = None, "arm `mlx-q8`"),
        ];
        for (change, what) in cases {
            let mut now = before.clone();
            change(&mut now);
            assert_eq!(changed(&before, &now).as_deref(), Some(what));
        }
        let mut now = before.clone();
        now.started_unix_s = 0;
        now.warnings.clear();
        now.arms[0].sessions.clear();
        now.arms[0].weights = "elsewhere".to_owned();
        assert_eq!(changed(&before, &now), None, "neither times nor places count");
    }

    #[test]
    fn content_is_the_same_under_other_names_and_gates() {
        let before = fixture::record();
        type Change = fn(&mut RunRecord);
        let same: [Change; 6] = [
            |now| now.model.name = "twin".to_owned(),
            |now| now.model.revision = Some("0".repeat(40)),
            |now| now.dataset.source = "elsewhere.jsonl".to_owned(),
            |now| now.policy.max_accuracy_drop = 0.5,
            |now| now.arms[0].weights = "elsewhere".to_owned(),
            |now| now.arms[0].latency.clear(),
        ];
        let other: [Change; 7] = [
            |now| now.model.sha256 = String::new(),
            |now| now.model.labels.reverse(),
            |now| now.dataset.sha256 = String::new(),
            |now| now.dataset.rows = 1,
            |now| now.tokens[5] = 9,
            |now| now.settings.threads = 9,
            |now| now.arms[2].recipe_sha256 = None,
        ];
        let changed = |change: &Change| {
            let mut now = before.clone();
            change(&mut now);
            content(&now) != content(&before)
        };
        assert!(!same.iter().any(changed) && other.iter().all(changed));
    }
}
