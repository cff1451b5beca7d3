//! A loaded model, and the first thing that one can do: rows of tokens to rows of numbers.

use std::path::PathBuf;

use gatecheck_model::{batch::Batch, blueprint::head::Head, config::ModelConfig};

use crate::{error::BackendError, facts::Facts};

/// One loaded model on one device.
pub trait Model {
    /// What runs where.
    fn facts(&self) -> Facts;

    /// Highest memory use of the backend's own allocator in bytes, where it counts.
    fn peak_memory(&self) -> Option<u64>;
}

/// Host data in and out: a call returns when the work is done, so whoever calls can time it.
pub trait Encode: Model {
    /// One row of numbers per row of the batch: logits, or an embedding.
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError>;
}

/// How an arm is to be loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Model folder or artefact.
    pub folder: PathBuf,
    /// Threads for the work on the CPU.
    pub threads: usize,
}

/// The head of a model that is to be measured.
pub fn required_head(config: &ModelConfig, options: &LoadOptions) -> Result<Head, BackendError> {
    config.head.clone().ok_or_else(|| BackendError::Headless { folder: options.folder.clone() })
}
