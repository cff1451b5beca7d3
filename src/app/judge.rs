//! From a record to its reports in a folder, after a run or at any later time.

use std::{io, path::Path};

use gatecheck_base::{
    fs::{FileError, write_together},
    kind::ErrorKind,
};
use gatecheck_judge::{
    record::{Policy, RunRecord},
    report::{self, Format, Report, ReportError},
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
            Self::Write(FileError { path, .. }) => Some(format!(
                "make room there, then go on with `gatecheck run --resume {}`",
                path.parent().unwrap_or(Path::new(".")).display()
            )),
            Self::Render(_) => None,
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
    let files = report::render(&report)?;
    let files: Vec<_> = files.iter().map(|(name, bytes)| (Path::new(*name), bytes.as_slice())).collect();
    write_together(folder, &files).map_err(JudgeError::Write)?;
    Ok(report)
}

/// Removes the reports in `folder`. What they were made from stays.
pub fn withdraw(folder: &Path) -> Result<(), FileError> {
    for format in Format::ALL {
        let path = folder.join(format.file_name());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FileError::new("remove", &path, error));
            }
            _ => {}
        }
    }
    Ok(())
}
