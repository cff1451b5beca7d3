//! Everything that can go wrong in the application, in one type for its callers.

use std::path::PathBuf;

use gatecheck_backend::worker::WorkerError;
use gatecheck_base::{fs::FileError, kind::ErrorKind};

use super::{
    arms::ArmError, config::ConfigFileError, judge::JudgeError, plan::PlanError, prepare::PrepareError,
    record::RecordError, resolve::ResolveError, upload::UploadError, verify::VerifyError,
};

/// Why the application did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigFileError),
    /// A name.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The arms.
    #[error(transparent)]
    Arms(#[from] ArmError),
    /// A download or a conversion.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A model, a dataset and arms that do not fit.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A worker process.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A record or its reports.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// What was measured.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An upload.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// An artefact that is not whole.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A file to be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Reports that would overwrite each other.
    #[error("two datasets would write their reports to `{}`", .0.display())]
    SharedFolder(PathBuf),
}

impl AppError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Resolve(error) => Some(error.hint()),
            Self::Arms(error) => Some(error.hint()),
            Self::Prepare(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::Judge(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Upload(error) => error.hint(),
            Self::Verify(error) => error.hint(),
            Self::SharedFolder(_) => Some("measure them in two runs, each with its own `--out`".to_owned()),
            Self::Worker(_) | Self::File(_) => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Prepare(error) => error.kind(),
            Self::Plan(error) => error.kind(),
            Self::Judge(error) => error.kind(),
            Self::Record(error) => error.kind(),
            Self::Upload(error) => error.kind(),
            Self::Verify(error) => error.kind(),
            Self::File(error) => error.kind(ErrorKind::Disk),
            Self::Worker(_) => ErrorKind::Worker,
            Self::Resolve(_) | Self::Arms(_) | Self::SharedFolder(_) => ErrorKind::Usage,
        }
    }
}
