//! Biases of attention scores by the distance of two tokens.

use gatecheck_model::blueprint::post_norm::RelativeBias;
use mlx_rs::{Array, error::Exception};

use crate::input::PerLength;

/// One for each head and distance.
pub(crate) struct ByDistance {
    /// `[heads, buckets]`.
    table: Array,
    bias: RelativeBias,
    biases: PerLength,
}

impl ByDistance {
    /// Takes the table `[buckets, heads]`.
    pub(crate) fn new(table: &Array, bias: &RelativeBias) -> Result<Self, Exception> {
        Ok(Self { table: table.transpose()?, bias: bias.clone(), biases: PerLength::default() })
    }

    /// `[1, heads, length, length]`.
    pub(crate) fn biases(&self, length: usize) -> Result<Array, Exception> {
        self.biases.corner(length, |length| {
            let by_distance = self.bias.by_distance(length);
            let row = |query: usize| by_distance[length - 1 - query..][..length].iter();
            let buckets: Vec<u32> = (0..length).flat_map(row).map(|bucket| *bucket as u32).collect();
            let buckets = Array::from_slice(&buckets, &[length as i32, length as i32]);
            self.table.take_axis(&buckets, 1)?.expand_dims(0)
        })
    }
}
