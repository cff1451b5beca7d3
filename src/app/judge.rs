//! From a record to its reports in a folder, after a run or at any later time.

use std::path::Path;

use gatecheck_base::{
    fs::{FileError, write_atomic},
    kind::ErrorKind,
};
use gatecheck_judge::{
    record::{Policy, RunRecord},
    report::{self, Report, ReportError},
};

use super::record::RecordError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// There is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(FileError),
    /// A report cannot be turned into bytes.
    #[error(transparent)]
    Render(#[from] ReportError),
}

impl JudgeError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Record(error) => error.hint(),
            Self::Write(_) | Self::Render(_) => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Record(error) => error.kind(),
            Self::Write(error) => error.kind(ErrorKind::Disk),
            Self::Render(_) => ErrorKind::Disk,
        }
    }
}

/// Judges a record by a policy, and writes every format of the report into `folder`.
pub fn judge(folder: &Path, record: &RunRecord, policy: &Policy) -> Result<Report, JudgeError> {
    let report = Report::new(record, policy);
    for (name, bytes) in report::render(&report)? {
        write_atomic(&folder.join(name), &bytes).map_err(JudgeError::Write)?;
    }
    Ok(report)
}
