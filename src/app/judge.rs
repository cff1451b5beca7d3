//! From a record to its reports in a folder, after a run or at any later time.

use std::path::{Path, PathBuf};

use gatecheck_base::{
    fs::{FileError, read_text, write_atomic},
    kind::ErrorKind,
};
use gatecheck_judge::{
    record::{OLDEST_VERSION, Policy, RunRecord, SCHEMA_VERSION},
    report::{self, Report, ReportError},
};

/// The file that everything is rendered from.
pub const RECORD: &str = "record.json";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The record is not where it should be.
    #[error(transparent)]
    Read(FileError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(FileError),
    /// It is no record.
    #[error("`{}` is not a record: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is a record of another time.
    #[error("`{}` has format version {version}; this program reads {OLDEST_VERSION} to {SCHEMA_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The record or a report cannot be turned into bytes.
    #[error(transparent)]
    Render(#[from] ReportError),
}

impl JudgeError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(_) => Some("give the folder that `gatecheck run --out` wrote".to_owned()),
            Self::Version { .. } => {
                Some("use the version of gatecheck that measured it (`tool_version`)".to_owned())
            }
            Self::Write(_) | Self::Malformed { .. } | Self::Render(_) => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(error) => error.kind(ErrorKind::Usage),
            Self::Write(error) => error.kind(ErrorKind::Disk),
            Self::Malformed { .. } | Self::Version { .. } => ErrorKind::Usage,
            Self::Render(_) => ErrorKind::Disk,
        }
    }
}

/// Writes a record into its folder.
pub fn write_record(folder: &Path, record: &RunRecord) -> Result<(), JudgeError> {
    let bytes = serde_json::to_vec(record).map_err(ReportError::from)?;
    write_atomic(&folder.join(RECORD), &bytes).map_err(JudgeError::Write)
}

/// Reads the record in a folder, of this format version or an older one.
pub fn read_record(folder: &Path) -> Result<RunRecord, JudgeError> {
    let path = folder.join(RECORD);
    let text = read_text(&path).map_err(JudgeError::Read)?;
    let malformed = |reason: String| JudgeError::Malformed { path: path.clone(), reason };
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    match json["schema_version"].as_u64() {
        Some(version) if (u64::from(OLDEST_VERSION)..=u64::from(SCHEMA_VERSION)).contains(&version) => {}
        Some(version) => return Err(JudgeError::Version { path, version }),
        None => return Err(malformed("no `schema_version`".to_owned())),
    }
    serde_json::from_value(json).map_err(|error| malformed(error.to_string()))
}

/// Judges a record by a policy, and writes every format of the report into `folder`.
pub fn judge(folder: &Path, record: &RunRecord, policy: &Policy) -> Result<Report, JudgeError> {
    let report = Report::new(record, policy);
    for (name, bytes) in report::render(&report)? {
        write_atomic(&folder.join(name), &bytes).map_err(JudgeError::Write)?;
    }
    Ok(report)
}
