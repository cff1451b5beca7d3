//! A look inside a model, for goldens and `doctor`. Nothing of it is timed in a run.

use gatecheck_model::batch::Batch;

use crate::error::BackendError;

/// What a backend tells of how it came to its answers, and of how fast it could be.
pub trait Diagnose {
    /// The outputs of a batch with the token states of every stage on the way, for finding the first layer where
    /// two implementations part.
    fn trace(&mut self, batch: &Batch) -> Result<Trace, BackendError>;

    /// The least time that the matrix products of a batch take on the device, where the backend knows.
    fn floor(&mut self, _batch: &Batch) -> Result<Option<Floor>, BackendError> {
        Ok(None)
    }

    /// Floating-point operations per second of a large matrix product, where the backend knows.
    fn highest_rate(&mut self) -> Option<f64> {
        None
    }
}

/// The intermediate results of one batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Stage name (`embeddings`, `layer.0`, …) and the states of all real tokens, row-major.
    pub stages: Vec<(String, Vec<f32>)>,
    /// What [`crate::Encode::encode`] gives.
    pub outputs: Vec<Vec<f32>>,
}

/// The matrix products of one batch, without anything around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Nanoseconds that they take alone.
    pub ns: u64,
    /// Floating-point operations; a multiplication and an addition count as two.
    pub operations: u64,
}
