//! ModernBERT's encoder (<https://arxiv.org/abs/2412.13663>): a norm before each half of a layer and none
//! after it, gated feed-forward matrices, rotary positions, and in most layers a window around each token.

use super::head::{Dense, NormName};
use crate::activation::Activation;

/// Sizes, options and tensor names of ModernBERT's encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct ModernBert {
    /// Width of the token states.
    pub hidden_size: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// The function that goes before the gate.
    pub activation: Activation,
    /// The word table and its rows.
    pub words: (String, usize),
    /// The norm of the words, which gives the first states.
    pub embedding_norm: NormName,
    /// In the order they are applied.
    pub layers: Vec<Layer>,
    /// The norm after the last layer.
    pub final_norm: NormName,
}

/// One layer. Each half is added to what it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Before the attention; the first layer has none, since its states come from a norm.
    pub attention_norm: Option<NormName>,
    /// Projections to queries, keys and values, one below the other.
    pub query_key_value: Dense,
    /// Projection of the context.
    pub attention_output: Dense,
    /// Before the feed-forward half.
    pub feed_forward_norm: NormName,
    /// The first feed-forward matrix: rows for the activation, then as many for the gate.
    pub gated: Dense,
    /// The second feed-forward matrix.
    pub output: Dense,
    /// How many tokens to each side a token attends to; all where there is no number.
    pub window: Option<usize>,
    /// Base of the rotary positions.
    pub rope_theta: f32,
}

impl ModernBert {
    /// Elements of a head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.heads
    }
}

/// For each pair of elements of a head, how many positions make one radian (<https://arxiv.org/abs/2104.09864>).
pub fn wavelengths(theta: f32, head_size: usize) -> Vec<f32> {
    // In 32 bits, as PyTorch does it: far from the start, the rounding is a visible part of the angle.
    (0..head_size).step_by(2).map(|index| theta.powf(index as f32 / head_size as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wavelengths_grow_to_the_base() {
        assert_eq!(wavelengths(10_000.0, 4), [1.0, 100.0]);
        assert_eq!(wavelengths(10_000.0, 64).len(), 32);
    }
}
