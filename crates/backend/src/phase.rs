//! The parts of a run, and the kinds of calls in them.

use serde::{Deserialize, Serialize};

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The model is loaded.
    Load,
    /// Calls that are not recorded.
    WarmUp,
    /// One query a call.
    Latency,
    /// Whole batches.
    Throughput,
}

impl Phase {
    /// Its name, as in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::WarmUp => "warm-up",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a timed call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallKind {
    /// A single query.
    Query,
    /// A batch of rows.
    Batch,
    /// A prompt, up to the first new token.
    Prefill,
    /// One more token.
    Decode,
}
