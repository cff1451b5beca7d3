//! MobileBERT's encoder (<https://arxiv.org/abs/2004.02984>): wide token states, and layers that work on
//! narrow ones between two linear layers, the bottleneck.

use super::head::{Dense, NormName};

/// Sizes, options and tensor names of MobileBERT's encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct MobileBert {
    /// Width of the token states between layers.
    pub hidden_size: usize,
    /// Width of the states inside a layer; `hidden_size` where there is no bottleneck.
    pub narrow_size: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// What gives the first states.
    pub embeddings: Embeddings,
    /// In the order they are applied.
    pub layers: Vec<Layer>,
    /// Modules that checkpoints hold though this configuration does not use them.
    pub unused: Vec<String>,
}

/// The tables. Those of positions and token types are as wide as the states.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Width of the word table.
    pub width: usize,
    /// The word table and its rows.
    pub words: (String, usize),
    /// The position table and its rows.
    pub positions: (String, usize),
    /// The token-type table and its rows.
    pub types: (String, usize),
    /// Whether the vector of a word is that of the next one, its own and that of the one before, side by side.
    /// Beyond the ends of a row there are zeros, not the vectors of padding tokens: a row is computed as
    /// transformers computes it alone, whatever it is batched with.
    pub trigrams: bool,
    /// From the words to the width of the states, where they differ.
    pub transformation: Option<Dense>,
    /// Applied to the sum.
    pub norm: NormName,
}

/// One layer. Norms of layers that end a part of it are applied to the sum with what the part was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// From the wide states to narrow ones.
    pub narrow: Option<Dense>,
    /// What the projections to queries, keys and values are given.
    pub attention_input: AttentionInput,
    /// Projections to queries, keys and values.
    pub query_key_value: [String; 3],
    /// Projection of the context.
    pub attention_output: Dense,
    /// Feed-forward networks on the narrow states, one after the other: two matrices each.
    pub feed_forward: Vec<[Dense; 2]>,
    /// From the narrow states back to wide ones.
    pub wide: Option<Dense>,
}

/// What queries, keys and values are made of.
#[derive(Debug, Clone, PartialEq)]
pub enum AttentionInput {
    /// The narrow states.
    Narrow,
    /// Queries and keys of narrow states that this makes for them, values of the wide states.
    Shared(Dense),
    /// The wide states.
    Wide,
}
