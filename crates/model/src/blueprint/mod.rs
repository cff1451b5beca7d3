//! Blueprints: what a model is made of, as plain data that every backend can build. `architecture` writes
//! them from configurations, `load` turns them into a backend's parts.

pub mod bart;
pub mod deberta_v2;
pub mod head;
pub mod mobilebert;
pub mod modernbert;
pub mod post_norm;

use self::{
    bart::Bart, deberta_v2::DebertaV2, head::Head, mobilebert::MobileBert, modernbert::ModernBert,
    post_norm::PostNorm,
};

/// What `config.json` says, in the terms of all backends.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    /// The encoder.
    pub graph: Graph,
    /// Width of the token states.
    pub hidden_size: usize,
    /// Ids that have a place in a table.
    pub limits: Limits,
    /// The head for sequence classification, whether the checkpoint has one or not.
    pub classifier: Head,
}

/// Numbers of ids: anything at or beyond them is not in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Token ids.
    pub vocabulary: usize,
    /// Tokens of a row, special ones included.
    pub positions: usize,
    /// Token types; 1 where the graph does not tell the texts of a pair apart.
    pub token_types: usize,
}

/// The encoder: its sizes, options and tensor names.
#[derive(Debug, Clone, PartialEq)]
pub enum Graph {
    /// See [`PostNorm`].
    PostNorm(PostNorm),
    /// See [`Bart`].
    Bart(Bart),
    /// See [`DebertaV2`].
    DebertaV2(DebertaV2),
    /// See [`MobileBert`].
    MobileBert(MobileBert),
    /// See [`ModernBert`].
    ModernBert(ModernBert),
}
