//! What is done to attention scores: relative positions, windows, causality.

use std::ops::Range;

use gatecheck_model::blueprint::post_norm::RelativeBias;

use crate::attention::{Change, Place};

/// Biases of the scores by head and distance.
pub(crate) struct ByDistance {
    /// For each head, from `1 - longest` to `longest - 1`.
    biases: Vec<Vec<f32>>,
    longest: usize,
}

impl ByDistance {
    /// Takes the table `[buckets, heads]`.
    pub(crate) fn new(table: &[Vec<f32>], bias: &RelativeBias, longest: usize) -> Self {
        let buckets = bias.by_distance(longest);
        let of_head = |head: usize| buckets.iter().map(|bucket| table[*bucket][head]).collect();
        Self { biases: (0..table[0].len()).map(of_head).collect(), longest }
    }
}

impl Change for ByDistance {
    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        for (query, scores) in place.queries.clone().zip(scores.chunks_exact_mut(place.stride)) {
            let biases = &self.biases[place.head][self.longest - 1 - query..][..place.keys];
            for (score, bias) in scores.iter_mut().zip(biases) {
                *score += bias;
            }
        }
    }
}

/// A sliding window: leaves the keys that are not further from a query than its reach.
pub(crate) struct Window {
    pub(crate) reach: usize,
}

impl Change for Window {
    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        let seen = &place.seen;
        for (query, scores) in place.queries.clone().zip(scores.chunks_exact_mut(place.stride)) {
            let near = Self::seen(self, &(query..query + 1), place.keys);
            scores[..near.start.saturating_sub(seen.start)].fill(-1e9);
            scores[near.end - seen.start..seen.len()].fill(-1e9);
        }
    }

    fn seen(&self, queries: &Range<usize>, length: usize) -> Range<usize> {
        queries.start.saturating_sub(self.reach)..length.min(queries.end + self.reach)
    }
}

/// Leaves a token itself and those before it.
pub(crate) struct Causal;

impl Change for Causal {
    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        for (query, scores) in place.queries.clone().zip(scores.chunks_exact_mut(place.stride)) {
            scores[query + 1..place.seen.end].fill(-1e9);
        }
    }

    fn seen(&self, queries: &Range<usize>, _length: usize) -> Range<usize> {
        0..queries.end
    }
}
