//! What can go wrong with an upload, beside what can go wrong with the Hub.

use std::path::PathBuf;

use gatecheck_base::{fs::FileError, kind::ErrorKind, text};

use crate::hub::HubError;

/// Why something is not on the Hub.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The Hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The network is forbidden.
    #[error("nothing can be uploaded while `{variable}` is set")]
    Offline {
        /// The variable that forbids it.
        variable: &'static str,
    },
    /// Nobody is logged in.
    #[error("there is no token to write to {endpoint} with")]
    NoToken {
        /// The Hub.
        endpoint: String,
    },
    /// The Hub does not know the token.
    #[error("{endpoint} does not know the token in use (status {status})")]
    UnknownToken {
        /// The Hub.
        endpoint: String,
        /// 401 or 403.
        status: u16,
    },
    /// A token that reads only.
    #[error("the token in use, of `{name}`, may read and not write")]
    ReadToken {
        /// Whose it is.
        name: String,
        /// The Hub.
        endpoint: String,
    },
    /// A mirror, or something that is no Hub.
    #[error("{endpoint} takes no uploads (status {status})")]
    ReadOnlyHub {
        /// The Hub.
        endpoint: String,
        /// 404, 405 or 501.
        status: u16,
    },
    /// The repository has other content.
    #[error("{what} is there and holds other files: {}", text::list(.files, 8))]
    Occupied {
        /// The repository.
        what: String,
        /// The files that are not of this upload, or of the same name and other.
        files: Vec<String>,
    },
    /// Somebody else was faster.
    #[error("{what} was changed by somebody else meanwhile")]
    Overtaken {
        /// The repository.
        what: String,
    },
    /// A file is not what it was when its checksum was taken.
    #[error("`{}` changed while it was sent", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The answer to a request that must not be repeated was lost.
    #[error("whether the pull request for {what} was opened is not known")]
    Unsure {
        /// The repository.
        what: String,
        /// Where to look.
        page: String,
        /// What happened.
        source: Box<HubError>,
    },
    /// The Hub has something else than was sent.
    #[error("{what} has not what was sent in {}", text::list(.files, 8))]
    Differs {
        /// The repository.
        what: String,
        /// The files.
        files: Vec<String>,
    },
}

impl UploadError {
    /// The way out, to be printed after the error.
    pub fn hint(&self) -> Option<String> {
        let page = |endpoint: &str| format!("{endpoint}/settings/tokens");
        Some(match self {
            Self::Hub(error) => return error.hint(),
            Self::File(_) => return None,
            Self::Offline { variable } => format!("unset `{variable}`"),
            Self::NoToken { endpoint } => {
                format!(
                    "make one that may write at {}, and set `HF_TOKEN` or run `hf auth login`",
                    page(endpoint)
                )
            }
            Self::UnknownToken { endpoint, .. } | Self::ReadToken { endpoint, .. } => {
                format!("make one that may write at {}", page(endpoint))
            }
            Self::ReadOnlyHub { .. } => "unset `HF_ENDPOINT` to upload to https://huggingface.co".to_owned(),
            Self::Occupied { .. } => {
                "give another `--repo`, propose the files with `--pr`, or replace what is \
                                      there with `--force`"
                    .to_owned()
            }
            Self::Overtaken { .. } | Self::Differs { .. } => "look at its page, then run again".to_owned(),
            Self::Changed { .. } => "run again when nothing writes into the folder any more".to_owned(),
            Self::Unsure { page, .. } => format!("look at {page} before you run again"),
        })
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Hub(error) => error.kind(),
            Self::File(error) => error.kind(ErrorKind::Model),
            Self::Offline { .. }
            | Self::NoToken { .. }
            | Self::UnknownToken { .. }
            | Self::ReadToken { .. }
            | Self::ReadOnlyHub { .. }
            | Self::Occupied { .. } => ErrorKind::Usage,
            Self::Overtaken { .. } | Self::Unsure { .. } | Self::Differs { .. } => ErrorKind::Network,
            Self::Changed { .. } => ErrorKind::Model,
        }
    }
}
