//! Why an artefact is not uploaded.

use std::path::PathBuf;

use gatecheck_base::{fs::FileError, kind::ErrorKind};
use gatecheck_data::hub::{HubError, upload};
use gatecheck_judge::report::ReportError;
use gatecheck_model::convert::ConvertError;

use crate::app::record::RecordError;

/// Why an artefact is not uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The folder is no artefact.
    #[error(transparent)]
    Artefact(#[from] ConvertError),
    /// The record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record cannot be shown.
    #[error(transparent)]
    Render(#[from] ReportError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// `--repo` or `--base-model` is no id.
    #[error(transparent)]
    Id(HubError),
    /// The Hub.
    #[error(transparent)]
    Upload(#[from] upload::UploadError),
    /// The artefact has not earned it.
    #[error("`{}` is not fit to be uploaded: {}", .folder.display(), .doubts.join("; "))]
    Unfit {
        /// The artefact.
        folder: PathBuf,
        /// What speaks against it.
        doubts: Vec<String>,
        /// Whether a record was given.
        with_record: bool,
    },
}

impl UploadError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Artefact(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Upload(error) => error.hint(),
            Self::Render(_) | Self::File(_) | Self::Id(_) => None,
            Self::Unfit { with_record: false, .. } => Some(
                "measure it with `gatecheck run`, and give the folder of its reports as `--record`; with `--force` \
                 it is uploaded as it is, and the model card says so"
                    .to_owned(),
            ),
            Self::Unfit { .. } => {
                Some("with `--force` it is uploaded as it is, and the model card says so".to_owned())
            }
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Artefact(error) => error.kind(),
            Self::Record(error) => error.kind(),
            Self::Upload(error) => error.kind(),
            Self::Render(_) => ErrorKind::Disk,
            Self::File(error) => error.kind(ErrorKind::Model),
            Self::Id(_) | Self::Unfit { .. } => ErrorKind::Usage,
        }
    }
}
