//! What can be wrong with a journal.

use std::path::PathBuf;

use gatecheck_base::fs::FileError;

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line that is damaged, or out of place.
    #[error("line {line} of `{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A journal of another version.
    #[error("`{}` has format version {version}; this program reads {}", path.display(), super::SCHEMA_VERSION)]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// No whole first line.
    #[error("`{}` ends before its first line does", path.display())]
    Headless {
        /// The journal.
        path: PathBuf,
    },
    /// Another process writes it.
    #[error("another process is measuring into `{}`", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// A run that was not finished.
    #[error("`{}` holds an unfinished run", folder.display())]
    Unfinished {
        /// The folder.
        folder: PathBuf,
    },
}

impl JournalError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(_) => None,
            Self::Damaged { .. } => Some(
                "something else wrote into the journal; what was measured before that line can be had by \
                 deleting it and all after it"
                    .to_owned(),
            ),
            Self::Version { .. } => Some("use the version of gatecheck that began the run".to_owned()),
            Self::Headless { path } => Some(format!(
                "nothing had been measured; remove `{}` and start the run again",
                path.display()
            )),
            Self::Locked { .. } => Some("wait for it, or take another `--out`".to_owned()),
            Self::Unfinished { folder } => Some(format!(
                "go on with `gatecheck run --resume {0}`, take another `--out`, or remove `{0}/{1}` to start afresh",
                folder.display(),
                super::JOURNAL
            )),
        }
    }
}
