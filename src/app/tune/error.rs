//! Why there is no tuned recipe.

use std::path::PathBuf;

use gatecheck_backend::worker::WorkerError;
use gatecheck_base::{fs::FileError, kind::ErrorKind};

use crate::app::{error::AppError, plan::PlanError, prepare::PrepareError};

/// Why there is no tuned recipe.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// There is nothing to choose between.
    #[error("there are no bits to choose from")]
    NoBits,
    /// A half without rows.
    #[error("dataset `{dataset}` has no rows for the {part} half")]
    NoRows {
        /// The dataset.
        dataset: String,
        /// Which half.
        part: &'static str,
    },
    /// Another tuning was begun here.
    #[error("`{}` holds a tuning of another model, dataset, program or other settings", folder.display())]
    Other {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process is at it.
    #[error("another gatecheck is tuning in `{}`", folder.display())]
    AtWork {
        /// The folder.
        folder: PathBuf,
    },
    /// A line of the journal.
    #[error("`{}` is damaged in line {line}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
    },
    /// The model gives no numbers even unquantized.
    #[error("the outputs are not all numbers, unquantized as the weights are")]
    NotNumbers,
    /// The user.
    #[error("stopped by the user")]
    Stopped,
    /// An arm.
    #[error("arm `{arm}` failed{}", if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") })]
    Worker {
        /// Which.
        arm: &'static str,
        /// What the process wrote last.
        stderr: String,
        /// What happened.
        source: WorkerError,
    },
    /// A step.
    #[error(transparent)]
    Step(#[from] AppError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<PrepareError> for TuneError {
    fn from(error: PrepareError) -> Self {
        Self::Step(error.into())
    }
}

impl From<PlanError> for TuneError {
    fn from(error: PlanError) -> Self {
        Self::Step(error.into())
    }
}

impl TuneError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoBits => "for example `--bits 3,4,6,8`".to_owned(),
            Self::NoRows { .. } => "take a dataset with more rows, or a larger `--limit`".to_owned(),
            Self::Other { folder } => {
                format!("take another `--out`, or remove `{}` to start afresh", folder.display())
            }
            Self::AtWork { .. } => "wait for it, or take another `--out`".to_owned(),
            Self::Damaged { path, .. } => format!("remove `{}` to start afresh", path.display()),
            Self::NotNumbers => "`gatecheck verify --full-test` tells where they are lost".to_owned(),
            Self::Stopped => "the same command goes on where it stopped".to_owned(),
            Self::Step(error) => return error.hint(),
            Self::Worker { .. } | Self::File(_) => return None,
        };
        Some(hint)
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoBits | Self::NoRows { .. } | Self::Other { .. } | Self::AtWork { .. } => ErrorKind::Usage,
            Self::Damaged { .. } => ErrorKind::Disk,
            Self::NotNumbers => ErrorKind::Model,
            Self::Stopped | Self::Worker { .. } => ErrorKind::Worker,
            Self::Step(error) => error.kind(),
            Self::File(error) => error.kind(ErrorKind::Disk),
        }
    }
}
