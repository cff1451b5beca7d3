//! One loaded model on one device, behind a seam of host types.

mod input;
pub mod measure;
pub mod mock;
pub mod worker;

use std::path::PathBuf;

use gatecheck_model::{
    batch::Batch,
    config::{ConfigError, ModelConfig},
    weights::WeightError,
};

pub use input::{InputError, check};

/// One loaded model on one device. Host data in and out: a call returns when the work is done, so
/// whoever calls can time it.
pub trait Backend {
    /// One row of numbers per row of the batch: logits, or an embedding.
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError>;

    /// Highest memory use of the backend's own allocator in bytes, where it counts.
    fn peak_memory(&self) -> Option<u64>;

    /// The least time that the matrix products of a batch take on the device, where the backend knows.
    fn floor(&mut self, _batch: &Batch) -> Result<Option<Floor>, BackendError> {
        Ok(None)
    }

    /// Floating-point operations per second of a large matrix product, where the backend knows.
    fn highest_rate(&mut self) -> Option<f64> {
        None
    }

    /// What runs where.
    fn facts(&self) -> Facts;

    /// As [`Backend::encode`], with the token states of every stage on the way, for finding the
    /// first layer where two implementations part.
    fn trace(&mut self, batch: &Batch) -> Result<Trace, BackendError>;
}

/// The matrix products of one batch, without anything around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Nanoseconds that they take alone.
    pub ns: u64,
    /// Floating-point operations; a multiplication and an addition count as two.
    pub operations: u64,
}

/// What a backend says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `cpu`, `metal` or `cuda`.
    pub device: String,
    /// `float32`, `dequantized` or `quantized`.
    pub execution: String,
    /// Framework and matrix library with versions.
    pub library: String,
}

/// The intermediate results of one batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Stage name (`embeddings`, `layer.0`, …) and the states of all real tokens, row-major.
    pub stages: Vec<(String, Vec<f32>)>,
    /// What [`Backend::encode`] gives.
    pub outputs: Vec<Vec<f32>>,
}

/// How an arm is to be loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Model folder or artefact.
    pub folder: PathBuf,
    /// Threads for the work on the CPU.
    pub threads: usize,
}

/// What can go wrong in a backend.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights.
    #[error(transparent)]
    Weights(#[from] WeightError),
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
            Self::Input(error) => error.hint(),
            Self::WithoutMlx => Some("build with the default features: `make build`".to_owned()),
            Self::Headless { .. } => Some(
                "take a model fine-tuned for classification, or a sentence-transformers folder".to_owned(),
            ),
            _ => None,
        }
    }
}

/// The head of a model that is to be measured.
pub fn required_head(
    config: &ModelConfig,
    options: &LoadOptions,
) -> Result<gatecheck_model::blueprint::head::Head, BackendError> {
    config.head.clone().ok_or_else(|| BackendError::Headless { folder: options.folder.clone() })
}
