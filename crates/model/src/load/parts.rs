//! What a backend has to make.

use std::ops::Range;

use crate::{
    blueprint::deberta_v2::{self, Distances},
    blueprint::post_norm::RelativeBias,
    checkpoint::Matrix,
    config::ConfigError,
    weights::WeightError,
};

/// The parts that graphs are made of. A backend makes them of numbers and knows nothing of tensor names; how
/// they go together is a blueprint's affair, and what is computed with them the backend's.
pub trait Parts {
    /// What can go wrong.
    type Error: From<ConfigError> + From<WeightError>;
    /// A matrix whose rows are looked up.
    type Table: Clone;
    /// A linear layer, `x·Wᵀ + b`.
    type Linear;
    /// A layer norm.
    type Norm;
    /// Biases of attention scores by head and distance.
    type RelativeBias;
    /// The vectors of all distances in one layer, scaled, by head.
    type DistanceVectors;
    /// Which of these vectors belongs to a query and a key.
    type DistanceRows;
    /// A convolution over the tokens of a row, with bias.
    type Convolution;
    /// Rotary position embeddings (RoPE).
    type Rope;
    /// A sliding window: which keys are near enough to a query.
    type Window;

    /// A table, multiplied by `scale`.
    fn table(&self, matrix: &Matrix<'_>, scale: f32) -> Result<Self::Table, Self::Error>;

    /// One linear layer of matrices with the same inputs, their outputs side by side.
    fn linear(&self, matrices: &[Matrix<'_>], bias: Option<Vec<f32>>) -> Result<Self::Linear, Self::Error>;

    /// A layer norm. Without `epsilon` nothing is normed, only scaled and shifted.
    fn norm(
        &self,
        scale: Vec<f32>,
        shift: Option<Vec<f32>>,
        epsilon: Option<f32>,
    ) -> Result<Self::Norm, Self::Error>;

    /// The rows of a table, normed.
    fn norm_rows(&self, norm: &Self::Norm, table: &Self::Table) -> Result<Self::Table, Self::Error>;

    /// Biases from a table `[buckets, heads]`, for rows of up to `longest` tokens.
    fn relative_bias(
        &self,
        table: &Self::Table,
        bias: &RelativeBias,
        longest: usize,
    ) -> Result<Self::RelativeBias, Self::Error>;

    /// What `projection` makes of the rows of a table: these `columns` of it, times `scale`, cut up for so many
    /// heads.
    fn distance_vectors(
        &self,
        table: &Self::Table,
        projection: &Self::Linear,
        columns: Range<usize>,
        heads: usize,
        scale: f32,
    ) -> Result<Self::DistanceVectors, Self::Error>;

    /// The rows of distances, for rows of up to `longest` tokens.
    fn distance_rows(&self, distances: Distances, longest: usize) -> Self::DistanceRows;

    /// A convolution with weight `[hidden, hidden / groups, width]`.
    fn convolution(
        &self,
        weight: Vec<f32>,
        bias: Vec<f32>,
        shape: &deberta_v2::Convolution,
    ) -> Result<Self::Convolution, Self::Error>;

    /// Rotary position embeddings: for each pair of elements of a head, how many positions make one radian.
    fn rope(&self, wavelengths: Vec<f32>) -> Self::Rope;

    /// A window that reaches so many tokens to both sides.
    fn window(&self, reach: usize) -> Self::Window;
}

/// What the products of queries and keys of `width / heads` elements are multiplied by as a rule.
pub fn attention_scale(width: usize, heads: usize) -> f32 {
    1.0 / ((width / heads) as f32).sqrt()
}
