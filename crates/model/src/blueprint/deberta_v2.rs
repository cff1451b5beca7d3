//! DeBERTa's encoder (<https://arxiv.org/abs/2006.03654>): a post-norm encoder whose attention scores also
//! have products of tokens and distances, and which may have a convolution beside its first layer.

use super::post_norm::PostNorm;
use crate::activation::Activation;

/// Sizes, options and tensor names.
#[derive(Debug, Clone, PartialEq)]
pub struct DebertaV2 {
    /// Embeddings and layers.
    pub encoder: PostNorm,
    /// What products of vectors are multiplied by to be scores.
    pub scale: f32,
    /// The vectors of distances.
    pub relative: Option<Relative>,
    /// The norm of these vectors.
    pub relative_norm: Option<String>,
    /// What is added to the first layer.
    pub convolution: Option<Convolution>,
}

/// Attention between tokens and distances.
#[derive(Debug, Clone, PartialEq)]
pub struct Relative {
    /// The table `[2 · span, hidden]`.
    pub module: String,
    /// Which row is whose.
    pub distances: Distances,
    /// What makes keys of distances, for the queries of tokens ("c2p").
    pub keys: Option<Projections>,
    /// What makes queries of distances, for the keys of tokens ("p2c").
    pub queries: Option<Projections>,
}

/// The projection of the vectors of distances in each layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projections {
    /// The one that the tokens have.
    OfTokens,
    /// One of their own, by layer.
    Own(Vec<String>),
}

/// A convolution over the tokens that enter the first layer, which is added to what leaves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Weight `[hidden, hidden / groups, width]`, and bias.
    pub module: String,
    /// Tokens that it sees at once; odd.
    pub width: usize,
    /// Parts of the states that do not see each other.
    pub groups: usize,
    /// Applied to the result.
    pub activation: Activation,
    /// Norm of the sum.
    pub norm: String,
}

/// From distances to rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distances {
    /// Rows for distances of either sign.
    pub span: usize,
    /// Where distances are put together, the distance from which on they share the last row.
    pub shared_from: Option<usize>,
}

impl Distances {
    /// Half of the distances of one sign have rows of their own where the others are put together.
    pub(crate) fn exact(&self) -> usize {
        self.span / 2
    }

    /// The row of `query - key` (`make_log_bucket_position` of transformers, clamped to the table).
    pub fn row(&self, distance: i64) -> usize {
        let far = distance.unsigned_abs() as usize;
        let bucket = match self.shared_from {
            Some(last) if far > self.exact() => {
                // In 32 bits, as PyTorch does it: at the borders of buckets the rounding decides.
                let (exact, wide) = (self.exact() as f32, (self.exact() - 1) as f32);
                let whole = (last as f32 / exact).ln();
                ((far as f32 / exact).ln() / whole * wide).ceil() as usize + self.exact()
            }
            _ => far,
        };
        let row = self.span as i64 + bucket.min(2 * self.span) as i64 * distance.signum();
        row.clamp(0, 2 * self.span as i64 - 1) as usize
    }

    /// The row of each `query - key` from `-(longest - 1)` to `longest - 1`.
    pub fn by_distance(&self, longest: usize) -> Vec<usize> {
        let longest = longest as i64;
        (1 - longest..longest).map(|distance| self.row(distance)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_transformers() {
        // clamp(make_log_bucket_position(distance, buckets, max) + buckets, 0, 2·buckets - 1) of 5.23.
        let v3 = Distances { span: 256, shared_from: Some(511) };
        for (distance, row) in [
            (0, 256),
            (-1, 255),
            (128, 384),
            (129, 385),
            (-200, 87),
            (300, 463),
            (510, 511),
            (-511, 1),
            (600, 511),
            (-600, 0),
        ] {
            assert_eq!(v3.row(distance), row, "{distance}");
        }
        let odd = Distances { span: 7, shared_from: Some(32) };
        assert_eq!([0, 3, 4, 10, 11, 32, 40].map(|distance| odd.row(distance)), [7, 10, 11, 12, 12, 12, 13]);
    }

    #[test]
    fn rows_without_buckets_end_at_the_table() {
        let plain = Distances { span: 3, shared_from: None };
        assert_eq!(plain.by_distance(6), [0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5]);
    }
}
