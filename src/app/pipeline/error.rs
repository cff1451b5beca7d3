//! What stops a whole pipeline. What stops a cell is told in the matrix.

use std::path::PathBuf;

use gatecheck_base::{fs::FileError, kind::ErrorKind};

use crate::app::{disk::NoSpace, error::AppError};

/// Why a pipeline does not start.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Nothing was asked for.
    #[error("there is nothing to measure")]
    Nothing,
    /// Two cells of one folder.
    #[error("{one} and {other} would write their reports to `{folder}`")]
    SameFolder {
        /// A cell.
        one: String,
        /// Another.
        other: String,
        /// The folder.
        folder: String,
    },
    /// Another pipeline.
    #[error("another pipeline is at work in `{}`", folder.display())]
    AtWork {
        /// The folder of its logs and results.
        folder: PathBuf,
    },
    /// Too little room on a disk.
    #[error(transparent)]
    NoSpace(#[from] NoSpace),
    /// A step.
    #[error(transparent)]
    Step(#[from] AppError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl PipelineError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Nothing => "name models with `--models` and datasets with `--datasets`".to_owned(),
            Self::SameFolder { .. } => "give them names of their own in a configuration file".to_owned(),
            Self::AtWork { .. } => {
                "wait for it (`gatecheck monitor` shows how far it is), or set MLX_TEMP_DIR to another folder"
                    .to_owned()
            }
            Self::NoSpace(error) => return Some(error.hint()),
            Self::Step(error) => return error.hint(),
            Self::File(_) => return None,
        };
        Some(hint)
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Nothing | Self::SameFolder { .. } | Self::AtWork { .. } => ErrorKind::Usage,
            Self::NoSpace(_) => ErrorKind::Disk,
            Self::Step(error) => error.kind(),
            Self::File(error) => error.kind(ErrorKind::Disk),
        }
    }
}
