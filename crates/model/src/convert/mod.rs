//! From a Hugging Face folder to an MLX artefact.
//!
//! [`convert`] reads the headers of the source, makes a [`Plan`] of what happens to each tensor and how
//! large the result will be, reads the source once and writes the artefact into a temporary neighbour of its place,
//! compares every piece with the source, and only then gives it its name. `docs/conversion.md` describes the artefact.

mod artefact;
mod config;
mod cursor;
mod digest;
mod disk;
mod encode;
mod error;
mod layout;
mod lock;
mod loss;
mod metadata;
mod place;
mod plan;
mod read;
mod recipe;
mod rules;
mod run;
mod source;
mod table;
mod task;
mod treatment;
mod verify;
pub(crate) mod whole;
mod write;

pub use artefact::Artefact;
pub use error::ConvertError;
pub use layout::{Output, Shard, ShardedOutput};
pub use loss::Loss;
pub use metadata::{Kept, METADATA_FILE, Metadata, Written};
pub use place::artefact_name;
pub use plan::{Action, Plan, PlannedTensor, plan};
pub use recipe::{Choices, EMBEDDING_BITS, GROUP_SIZE, Recipe};
pub use rules::{Mixed, Rule};
pub use run::{Outcome, Progress, Request, Stage, convert};
pub use table::{Group, table};
pub use whole::holdings;

/// Largest shard of an artefact, in bytes: that of mlx-lm and of the Hub's own tools.
pub const SHARD_BYTES: u64 = 5_000_000_000;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
