//! What can go wrong with the Hub, each with its own way out.

use std::{error::Error, path::PathBuf, sync::Arc};

use gatecheck_base::{fs::FileError, kind::ErrorKind, text};

/// Why something could not be had from the Hub. Tokens are never part of it.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The Hub's address is none.
    #[error("`HF_ENDPOINT` is no http or https address: `{endpoint}`")]
    Endpoint {
        /// The address, without name and password.
        endpoint: String,
    },
    /// Not the name of a repository.
    #[error("`{id}` is no Hub id such as `facebook/bart-large-mnli`")]
    Id {
        /// The name given.
        id: String,
    },
    /// Not the name of a revision.
    #[error("`{revision}` is no branch, tag or commit")]
    Revision {
        /// The name given.
        revision: String,
    },
    /// The Hub knows no such repository, revision or file.
    #[error("{what} was not found on {endpoint}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The Hub.
        endpoint: String,
    },
    /// The Hub refuses.
    #[error("{endpoint} refused access to {what} (status {status})")]
    Denied {
        /// What was asked for.
        what: String,
        /// The Hub.
        endpoint: String,
        /// 401 or 403.
        status: u16,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The Hub cannot serve.
    #[error("{endpoint} answered status {status} for {what}")]
    Status {
        /// What was asked for.
        what: String,
        /// The Hub.
        endpoint: String,
        /// The status.
        status: u16,
        /// Seconds after which it wants to be asked again.
        retry_after: Option<u64>,
    },
    /// The Hub's answer lacks what every Hub's has, or leads nowhere.
    #[error("{endpoint} gave no usable answer for {what}: {detail}")]
    Answer {
        /// What was asked for.
        what: String,
        /// The Hub.
        endpoint: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The Hub cannot be reached, or the connection broke.
    #[error("failed to fetch {what} from {endpoint}")]
    Unreachable {
        /// What was asked for.
        what: String,
        /// The Hub.
        endpoint: String,
        /// What the connection said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The Hub cannot be reached, or the connection broke, while something was sent.
    #[error("failed to send {what} to {endpoint}")]
    Unsent {
        /// What was sent.
        what: String,
        /// The Hub.
        endpoint: String,
        /// What the connection said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The Hub does not take what was sent.
    #[error("{endpoint} refused {what} (status {status}){}", .message.as_ref().map_or(String::new(), |m| format!(": {m}")))]
    Refused {
        /// What was sent.
        what: String,
        /// The Hub.
        endpoint: String,
        /// The status.
        status: u16,
        /// What the Hub said of it.
        message: Option<String>,
    },
    /// The cache may be used only, and lacks it.
    #[error("{what} is not complete in the cache `{}`, and `{variable}` is set", .cache.display())]
    Offline {
        /// What was asked for.
        what: String,
        /// The cache.
        cache: PathBuf,
        /// The variable that forbids the network.
        variable: &'static str,
    },
    /// The bytes are not those that the Hub announced.
    #[error("{what} arrived damaged: {detail}")]
    Damaged {
        /// The file.
        what: String,
        /// What differs.
        detail: String,
    },
    /// A name that would leave its folder.
    #[error("{what} has a file name that leaves its folder: `{file}`")]
    Unsafe {
        /// The repository.
        what: String,
        /// The name.
        file: String,
    },
    /// Another process holds the lock of a file for too long.
    #[error("{what} is being downloaded by another process")]
    Busy {
        /// The file.
        what: String,
    },
    /// A model without `config.json`.
    #[error("{what} has no `config.json`, so it is no transformers model")]
    NoConfig {
        /// The model.
        what: String,
    },
    /// A model whose weights could run code when loaded.
    #[error("{what} has its weights only as {}, which are never opened: such files can run code", text::list(.files, 3))]
    OnlyPickles {
        /// The model.
        what: String,
        /// Address of the model.
        page: String,
        /// The files there are.
        files: Vec<String>,
    },
    /// A model without weights.
    #[error("{what} has no `model.safetensors`")]
    NoWeights {
        /// The model.
        what: String,
    },
    /// The list of shards cannot be understood.
    #[error("`model.safetensors.index.json` of {what} is malformed: {detail}")]
    Index {
        /// The model.
        what: String,
        /// What is wrong.
        detail: String,
    },
    /// A dataset without files that can be read.
    #[error("{what} has no parquet, jsonl, csv or tsv files")]
    NoData {
        /// The dataset.
        what: String,
    },
    /// A subset that the dataset lacks, or none chosen where there are several.
    #[error("{what} has no subset {}; its subsets are {}", .subset.as_deref().map_or("of its own".into(), |s| format!("`{s}`")), text::list(.subsets, 30))]
    Subset {
        /// The dataset.
        what: String,
        /// The name given.
        subset: Option<String>,
        /// The names there are.
        subsets: Vec<String>,
    },
    /// A split that the dataset lacks.
    #[error("{what} has no split `{split}`; its splits are {}", text::list(.splits, 30))]
    Split {
        /// The dataset.
        what: String,
        /// The name given.
        split: String,
        /// The names there are.
        splits: Vec<String>,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] FileError),
}

impl HubError {
    /// The way out, to be printed after the error.
    pub fn hint(&self) -> Option<String> {
        let nearest = |name: &str, names: &[String]| {
            let nearest = text::nearest(name, names.iter().map(String::as_str))?;
            Some(format!("did you mean `{nearest}`?"))
        };
        Some(match self {
            Self::Id { .. } => "a local folder must exist and is best given as `./folder`".into(),
            Self::NotFound { .. } => "check the spelling, on the Hub's own page".into(),
            Self::Denied { with_token: false, .. } => {
                "check the spelling; if it is private or gated, accept its terms on its page and set `HF_TOKEN`"
                    .into()
            }
            Self::Denied { with_token: true, .. } => {
                "check the spelling; accept its terms on its page with the account of the token in use".into()
            }
            Self::Refused { status: 401, endpoint, .. } => {
                format!("the Hub does not know the token in use; make one at {endpoint}/settings/tokens")
            }
            Self::Refused { status: 403, endpoint, .. } => {
                format!("the token in use may not write there; see {endpoint}/settings/tokens")
            }
            Self::Refused { status: 413, .. } => "it is larger than the Hub, or a proxy before it, takes".into(),
            Self::Unsent { .. } => "run again: what has arrived is not sent again".into(),
            Self::Status { status: 429, retry_after: Some(seconds), .. } => {
                format!("too many requests: wait {seconds} s, or set `HF_TOKEN`")
            }
            Self::Status { status: 429, .. } => "too many requests: wait, or set `HF_TOKEN`".into(),
            Self::Answer { .. } | Self::Endpoint { .. } => "check `HF_ENDPOINT`".into(),
            Self::Status { .. } => "try again later".into(),
            Self::Unreachable { .. } => "check the network and `HF_ENDPOINT`; with everything in the cache \
                                         already, or a local folder, no network is needed"
                .into(),
            Self::Offline { variable, .. } => format!("unset `{variable}` once to download it"),
            Self::Damaged { .. } => "what arrived was not kept; run again".into(),
            Self::OnlyPickles { page, .. } => format!(
                "convert them with https://huggingface.co/spaces/safetensors/convert, which opens a pull request \
                 at {page}/discussions, and use `revision: refs/pr/NUMBER`"
            ),
            Self::Subset { subset: Some(subset), subsets, .. } => return nearest(subset, subsets),
            Self::Subset { subset: None, .. } => "give one as `subset:` in the dataset's entry".into(),
            Self::Split { split, splits, .. } => return nearest(split, splits),
            Self::Refused { .. }
            | Self::Revision { .. }
            | Self::Unsafe { .. }
            | Self::Busy { .. }
            | Self::NoConfig { .. }
            | Self::NoWeights { .. }
            | Self::Index { .. }
            | Self::NoData { .. }
            | Self::Cache(_) => return None,
        })
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            // What is asked for is not there, or not for this user, and will not be the next time either.
            Self::Endpoint { .. }
            | Self::Id { .. }
            | Self::Revision { .. }
            | Self::NotFound { .. }
            | Self::Denied { .. }
            | Self::Refused { .. }
            | Self::Offline { .. }
            | Self::NoData { .. }
            | Self::Subset { .. }
            | Self::Split { .. } => ErrorKind::Usage,
            Self::Status { .. }
            | Self::Answer { .. }
            | Self::Unreachable { .. }
            | Self::Unsent { .. }
            | Self::Damaged { .. }
            | Self::Busy { .. } => ErrorKind::Network,
            Self::Unsafe { .. }
            | Self::NoConfig { .. }
            | Self::OnlyPickles { .. }
            | Self::NoWeights { .. }
            | Self::Index { .. } => ErrorKind::Model,
            Self::Cache(_) => ErrorKind::Disk,
        }
    }
}
