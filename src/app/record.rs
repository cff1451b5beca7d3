//! From a cell to its record in a folder, by way of the journal; a run that was cut short goes on from there.

use std::path::{Path, PathBuf};

use gatecheck_backend::worker::Launcher;
use gatecheck_base::{fs::FileError, kind::ErrorKind};
use gatecheck_judge::{
    journal::{self, Folded, Header, Journal, JournalError, fold},
    record::{self, ArmRecord, RunRecord},
};

use super::{cell::Cell, event::Observer, runner};

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The record.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// The journal cannot be written on.
    #[error(transparent)]
    File(#[from] FileError),
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
        match self {
            Self::Journal(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::File(_) => None,
            Self::Changed { folder, .. } => Some(format!(
                "bring back what was there, or measure anew: take another `--out`, or remove `{}`",
                folder.join(journal::JOURNAL).display()
            )),
        }
    }
}

impl RecordError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Journal(JournalError::File(error))
            | Self::Record(record::RecordError::Read(error) | record::RecordError::Write(error))
            | Self::File(error) => error.kind(ErrorKind::Usage),
            Self::Journal(_) | Self::Record(_) | Self::Changed { .. } => ErrorKind::Usage,
        }
    }
}

/// Measures a cell into `folder`. `run` is what it takes to plan the same cell again.
pub fn measure(
    cell: &Cell,
    folder: &Path,
    run: serde_json::Value,
    launcher: &dyn Launcher,
    observer: &mut dyn Observer,
) -> Result<RunRecord, RecordError> {
    let header = Header { schema_version: journal::SCHEMA_VERSION, record: runner::begin(cell), run };
    let mut journal = Journal::begin(folder, header)?;
    runner::run(cell, None, &mut journal, launcher, observer)?;
    conclude(journal, folder)
}

/// Goes on with a run that was cut short.
pub fn go_on(
    cell: &Cell,
    mut journal: Journal,
    so_far: &RunRecord,
    folder: &Path,
    launcher: &dyn Launcher,
    observer: &mut dyn Observer,
) -> Result<RunRecord, RecordError> {
    runner::run(cell, Some(so_far), &mut journal, launcher, observer)?;
    conclude(journal, folder)
}

/// Folds the journal; of a run that is finished, the record takes its place.
pub fn conclude(journal: Journal, folder: &Path) -> Result<RunRecord, RecordError> {
    let Folded { mut record, .. } = fold(folder)?;
    if !record.interrupted {
        record::write(folder, &mut record)?;
        journal.remove()?;
    }
    Ok(record)
}

/// The record in `folder`, or what there is of one in a journal, which is of a later run.
pub fn open(folder: &Path) -> Result<RunRecord, RecordError> {
    if !journal::exists(folder) {
        return Ok(record::read(folder)?);
    }
    match fold(folder) {
        // Nothing was measured in it.
        Err(JournalError::Headless { .. }) if folder.join(record::RECORD).exists() => {
            Ok(record::read(folder)?)
        }
        folded => Ok(folded?.record),
    }
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
            let ArmRecord { name, role, backend, quantization, weights, size_bytes, .. } = arm.clone();
            let made = (arm.expected_size_bytes, arm.recipe_sha256.clone(), arm.output_width);
            (name, role, backend, quantization, weights, size_bytes, made)
        };
        (facts(before) != facts(now)).then(|| format!("the artefact of arm `{}`", before.name))
    };
    let checks = [
        (before.tool_version != now.tool_version, "gatecheck's version"),
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
        let cases: [(Change, &str); 9] = [
            (|now| now.tool_version = "9".to_owned(), "gatecheck's version"),
            (|now| now.model.sha256 = String::new(), "the model"),
            (|now| now.dataset.sha256 = String::new(), "the dataset"),
            (|now| now.gold[5] = 9.0, "the labels or the reading of the dataset"),
            (|now| now.tokens[5] = 9, "the tokenizer"),
            (|now| now.settings.threads = 9, "the settings"),
            (|now| now.policy.strict = true, "the gates"),
            (|now| drop(now.arms.pop()), "the arms"),
            (|now| now.arms[2].recipe_sha256 = None, "the artefact of arm `mlx-q8`"),
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
        assert_eq!(changed(&before, &now), None, "times do not count");
    }
}
