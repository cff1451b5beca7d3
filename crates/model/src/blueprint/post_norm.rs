//! The encoder that most architectures share: embeddings, then layers of self-attention and two
//! feed-forward matrices, with a layer norm after each sum (<https://arxiv.org/abs/1810.04805>).
//! Architectures differ in the names of its tensors and in the few options here.

use crate::activation::Activation;

/// Sizes, options and tensor names of a post-norm encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct PostNorm {
    /// Width of the token states.
    pub hidden_size: usize,
    /// Width between the two feed-forward matrices.
    pub intermediate_size: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// The function between the two feed-forward matrices.
    pub activation: Activation,
    /// Added to the variance in layer norms.
    pub epsilon: f32,
    /// What gives the first states.
    pub embeddings: Embeddings,
    /// Layers with weights of their own.
    pub weights: Vec<LayerNames>,
    /// For each layer of the encoder, which of `weights` it applies, one after the other.
    pub layers: Vec<Vec<usize>>,
    /// Added to the attention scores by the distance of two tokens.
    pub relative: Option<RelativeBias>,
}

/// The tables whose rows are added and normed.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Width of the tables.
    pub width: usize,
    /// The word table and its rows.
    pub words: (String, usize),
    /// What the rows of the word table are multiplied by.
    pub scale: f32,
    /// The position table and its rows.
    pub positions: Option<(String, usize)>,
    /// The row of the first token's position.
    pub first_position: usize,
    /// The token-type table and its rows.
    pub types: Option<(String, usize)>,
    /// The layer norm.
    pub norm: String,
    /// The linear layer from `width` to the width of the states.
    pub projection: Option<Projection>,
}

/// Where the way from the tables to the states lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// Before the norm, without bias.
    BeforeNorm(String),
    /// After the norm, with bias.
    AfterNorm(String),
}

/// Modules of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerNames {
    /// Projections to queries, keys and values.
    pub query_key_value: [String; 3],
    /// Projection of the context.
    pub attention_output: String,
    /// Norm of the sum of context and input.
    pub attention_norm: String,
    /// First feed-forward matrix.
    pub intermediate: String,
    /// Second feed-forward matrix.
    pub output: String,
    /// Norm of the sum of both halves.
    pub output_norm: String,
}

/// Learned biases per head and bucket of distances, shared by all layers.
#[derive(Debug, Clone, PartialEq)]
pub struct RelativeBias {
    /// The table `[buckets, heads]`.
    pub module: String,
    /// Rows of the table, of which the first `buckets` are used.
    pub rows: usize,
    /// Buckets of distances.
    pub buckets: usize,
    /// Distances from here on share the last bucket.
    pub max_distance: usize,
}

impl LayerNames {
    /// BERT's names below `path`.
    pub(crate) fn bert(path: &str) -> Self {
        Self {
            query_key_value: ["query", "key", "value"].map(|name| format!("{path}.attention.self.{name}")),
            attention_output: format!("{path}.attention.output.dense"),
            attention_norm: format!("{path}.attention.output.LayerNorm"),
            intermediate: format!("{path}.intermediate.dense"),
            output: format!("{path}.output.dense"),
            output_norm: format!("{path}.output.LayerNorm"),
        }
    }
}

impl Embeddings {
    /// BERT's names below `path`.
    pub(crate) fn bert(path: &str, width: usize, words: usize, positions: usize, types: usize) -> Self {
        let table = |name: &str| format!("{path}.{name}_embeddings");
        Self {
            width,
            words: (table("word"), words),
            scale: 1.0,
            positions: Some((table("position"), positions)),
            first_position: 0,
            types: Some((table("token_type"), types)),
            norm: format!("{path}.LayerNorm"),
            projection: None,
        }
    }
}

impl RelativeBias {
    /// The bucket of `key - query`, as T5 defines it for both directions
    /// (<https://arxiv.org/abs/1910.10683>, section 2.1): one half for keys after the query, and in each
    /// half one bucket per distance, then buckets that grow with the logarithm.
    pub fn bucket(&self, distance: i64) -> usize {
        let half = self.buckets / 2;
        let start = if distance > 0 { half } else { 0 };
        let (exact, far) = (half / 2, distance.unsigned_abs() as usize);
        if far < exact {
            return start + far;
        }
        // In 32 bits, as PyTorch does it: at the borders of buckets the rounding decides.
        let (far, exact_width) = (far as f32, exact as f32);
        let scale = (self.max_distance as f64 / exact as f64).ln() as f32;
        let step = (far / exact_width).ln() / scale * (half - exact) as f32;
        start + (exact + step as usize).min(half - 1)
    }

    /// The bucket of each distance from `-(longest - 1)` to `longest - 1`.
    pub fn by_distance(&self, longest: usize) -> Vec<usize> {
        let longest = longest as i64;
        (1 - longest..longest).map(|distance| self.bucket(distance)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_mpnet() {
        // MPNetEncoder.relative_position_bucket of transformers 5.23 on memory - context positions.
        let bias = RelativeBias { module: String::new(), rows: 32, buckets: 32, max_distance: 128 };
        for (distance, bucket) in [
            (0, 0),
            (-1, 1),
            (1, 17),
            (-7, 7),
            (-8, 8),
            (-11, 8),
            (-12, 9),
            (-127, 15),
            (-500, 15),
            (8, 24),
            (500, 31),
        ] {
            assert_eq!(bias.bucket(distance), bucket, "{distance}");
        }
        assert_eq!(bias.by_distance(2), [1, 0, 17]);
    }
}
