//! What can be wrong with the files that say what a model is.

use std::path::PathBuf;

use gatecheck_base::{fs::FileError, kind::ErrorKind};
use serde_json::Value;

use crate::quant::QuantError;

/// What can be wrong with the configuration of a model.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No `config.json`.
    #[error("no `config.json` in `{}`", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is not the JSON it should be: cut off, or a key of another type.
    #[error("failed to parse `{}`: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// No architecture of that name.
    #[error("model type `{model_type}` is not implemented; known are {known}")]
    Architecture {
        /// The `model_type`.
        model_type: String,
        /// The ones there are.
        known: String,
    },
    /// An option that would change the results is not implemented.
    #[error("`{key}` is {value}, which is not implemented{}", expected.map(|text| format!(" (only {text})")).unwrap_or_default())]
    Unsupported {
        /// The key, such as `position_embedding_type`.
        key: String,
        /// The value as JSON.
        value: String,
        /// What is implemented.
        expected: Option<&'static str>,
    },
    /// The files parse, and what they say cannot be.
    #[error("{0}")]
    Inconsistent(String),
    /// No quantization is like that.
    #[error("`quantization`: {0}")]
    Quantization(#[from] QuantError),
    /// A head is asked of a model that has none.
    #[error("`{}` has no sequence-classification head", folder.display())]
    NoClassifier {
        /// The folder.
        folder: PathBuf,
    },
    /// An embedding is asked of a model that does not say how to pool.
    #[error("`{}` does not say how to pool token states into an embedding (no `modules.json`)", folder.display())]
    NoPooling {
        /// The folder.
        folder: PathBuf,
    },
}

impl ConfigError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some(
                "give a folder as `save_pretrained` of transformers writes it (config.json, tokenizer.json, \
                 model.safetensors), a Hub id such as `org/model`, or a name that `gatecheck models` lists"
                    .to_owned(),
            ),
            Self::NoClassifier { .. } => Some(
                "choose a model fine-tuned for classification, or a similarity dataset such as `stsb`"
                    .to_owned(),
            ),
            Self::NoPooling { .. } => Some(
                "take the sentence-transformers folder, which holds `modules.json` and `1_Pooling`"
                    .to_owned(),
            ),
            Self::Malformed { .. } => Some("the file may be half downloaded; fetch it again".to_owned()),
            Self::Quantization(error) => error.hint(),
            _ => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File(error) => error.kind(ErrorKind::Model),
            Self::Missing { .. }
            | Self::Malformed { .. }
            | Self::Architecture { .. }
            | Self::Unsupported { .. }
            | Self::Inconsistent(_)
            | Self::Quantization(_) => ErrorKind::Model,
            // The model is whole, but not one for the task.
            Self::NoClassifier { .. } | Self::NoPooling { .. } => ErrorKind::Usage,
        }
    }

    pub(crate) fn unsupported(key: &str, value: impl Into<Value>, expected: &'static str) -> Self {
        Self::Unsupported { key: key.to_owned(), value: value.into().to_string(), expected: Some(expected) }
    }
}
