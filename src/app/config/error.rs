//! What can be wrong with configuration files, and where.

use gatecheck_base::{fs::FileError, kind::ErrorKind};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// Line, counted from 1.
    pub line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}`, line {}", self.file, self.line)
    }
}

/// What is wrong with a value, and the way out, where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub reason: String,
    /// The way out.
    pub hint: Option<String>,
}

impl From<String> for Complaint {
    fn from(reason: String) -> Self {
        Self { reason, hint: None }
    }
}

/// What can be wrong with configuration files.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The pattern itself.
    #[error("`{pattern}` is not a file pattern: {reason}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// No file matches.
    #[error("no configuration file matches `{0}`")]
    NoMatch(String),
    /// Not the YAML it should be.
    #[error("`{file}` is not a valid configuration: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What the parser said, with the place.
        reason: String,
        /// The key that was probably meant.
        meant: Option<String>,
    },
    /// A value that cannot be.
    #[error("`{name}` in {place}: {}", .complaint.reason)]
    Value {
        /// Where it stands.
        place: Place,
        /// The model or dataset.
        name: String,
        /// What is wrong.
        complaint: Complaint,
    },
    /// The same name in two places.
    #[error("{kind} `{name}` is configured in {first}, and again in {second}")]
    Duplicate {
        /// `model` or `dataset`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The first place.
        first: Place,
        /// The second.
        second: Place,
    },
}

impl ConfigFileError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Malformed { meant: Some(meant), .. } => Some(format!("did you mean `{meant}`?")),
            Self::Pattern { .. } | Self::NoMatch(_) => {
                Some("give files or a pattern in quotes, such as --config \"config/*.yaml\"".to_owned())
            }
            Self::Value { complaint, .. } => complaint.hint.clone(),
            Self::Duplicate { .. } => Some("rename one of them, or leave one of the files out".to_owned()),
            _ => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File(error) => error.kind(ErrorKind::Usage),
            Self::Pattern { .. }
            | Self::NoMatch(_)
            | Self::Malformed { .. }
            | Self::Value { .. }
            | Self::Duplicate { .. } => ErrorKind::Usage,
        }
    }
}
