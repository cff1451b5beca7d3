//! What can go wrong in a backend.

use std::path::PathBuf;

use gatecheck_model::{candidate::CandidateError, config::ConfigError, weights::WeightError};

use crate::input::InputError;

/// What can go wrong in a backend.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// A candidate that does not fit its original.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// The batch.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The framework that the backend is built on.
    #[error("{framework} failed: {source}")]
    Framework {
        /// Its name.
        framework: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The thread pool.
    #[error("failed to start {threads} threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// Why not.
        reason: String,
    },
    /// This build lacks the backend.
    #[error("built without MLX")]
    WithoutMlx,
    /// The model has neither a head nor pooling.
    #[error("`{}` is a bare encoder: it has no classification head and no pooling", folder.display())]
    Headless {
        /// The folder.
        folder: PathBuf,
    },
    /// The model or the backend cannot do what is asked for.
    #[error("this arm cannot {0}")]
    Unable(&'static str),
}

impl BackendError {
    /// An error of a framework.
    pub fn framework(
        framework: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Framework { framework, source: source.into() }
    }

    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Weights(error) => error.hint(),
            Self::Candidate(error) => error.hint(),
            Self::Input(error) => error.hint(),
            Self::WithoutMlx => Some("build with the default features: `make build`".to_owned()),
            Self::Headless { .. } => Some(
                "take a model fine-tuned for classification, or a sentence-transformers folder".to_owned(),
            ),
            Self::Framework { .. } | Self::Threads { .. } | Self::Unable(_) => None,
        }
    }
}
