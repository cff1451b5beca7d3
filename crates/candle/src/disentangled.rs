//! What DeBERTa adds to the scores of attention: products of tokens and distances.

use crate::{
    attention::{Change, Head, Place},
    packed::pack,
    tile::Kernel,
};

/// For each head, the scaled vectors of distances in panels.
pub(crate) struct Panels(Vec<Vec<f32>>);

impl Panels {
    /// Takes the vectors `[distances, hidden]`.
    pub(crate) fn new(vectors: &[f32], (hidden, heads): (usize, usize), scale: f32) -> Self {
        let (size, count, width) = (hidden / heads, vectors.len() / hidden, Kernel::of_this_cpu().width);
        let of_head = |head: usize| {
            let parts = vectors.chunks_exact(hidden).flat_map(|vector| &vector[head * size..][..size]);
            let scaled: Vec<f32> = parts.map(|value| value * scale).collect();
            pack(&scaled, count, size, width)
        };
        Self((0..heads).map(of_head).collect())
    }
}

/// Which row of the table of distances belongs to `other - token`, from `1 - longest` to `longest - 1`. They rise or
/// fall all the way.
pub(crate) struct DistanceRows {
    /// Of keys, for queries.
    of_keys: Vec<u32>,
    /// Of queries, for keys.
    of_queries: Vec<u32>,
    /// Tokens of the longest row.
    longest: usize,
}

impl DistanceRows {
    /// Takes the row of each `query - key`.
    pub(crate) fn new(by_distance: &[usize], longest: usize) -> Self {
        let of_queries: Vec<u32> = by_distance.iter().map(|row| *row as u32).collect();
        Self { of_keys: of_queries.iter().rev().copied().collect(), of_queries, longest }
    }
}

/// What is added to the scores of one layer.
pub(crate) struct Disentangled<'a> {
    /// Keys of distances, for the queries of tokens.
    pub(crate) keys: Option<&'a Panels>,
    /// Queries of distances, for the keys of tokens.
    pub(crate) queries: Option<&'a Panels>,
    pub(crate) rows: &'a DistanceRows,
}

impl Disentangled<'_> {
    fn reaches(&self) -> impl Iterator<Item = Reach<'_>> {
        let DistanceRows { of_keys, of_queries, .. } = self.rows;
        let keys = self.keys.map(|Panels(panels)| Reach { tokens: Tokens::Queries, panels, rows: of_keys });
        let queries =
            self.queries.map(|Panels(panels)| Reach { tokens: Tokens::Keys, panels, rows: of_queries });
        keys.into_iter().chain(queries)
    }
}

/// Whose vectors meet those of distances.
#[derive(Clone, Copy)]
enum Tokens {
    Queries,
    Keys,
}

/// The products of either queries or keys with the vectors of distances.
struct Reach<'a> {
    tokens: Tokens,
    panels: &'a [Vec<f32>],
    rows: &'a [u32],
}

impl Reach<'_> {
    /// The vectors that the distances of these tokens to all of the row reach, as a range.
    fn reached(&self, rows: &[u32]) -> std::ops::Range<usize> {
        let ends = [rows[0] as usize, rows[rows.len() - 1] as usize];
        ends[0].min(ends[1])..ends[0].max(ends[1]) + 1
    }

    /// Adds to `sums[query · stride + key]` for all queries and keys of a row.
    fn add(&self, head: &Head<'_>, longest: usize, sums: &mut [f32], products: &mut Vec<f32>) {
        let (length, kernel) = (head.row.len(), head.kernel);
        let (stride, panel) = (sums.len() / length, kernel.width * head.size);
        let step = length.div_ceil(length.div_ceil(kernel.rows));
        for first in (0..length).step_by(step) {
            let count = step.min(length - first);
            // The rows of the first token's distances to all others, and so on backwards.
            let rows = |token: usize| &self.rows[longest - 1 - first - token..][..length];
            let all = &self.rows[longest - first - count..][..length + count - 1];
            let reached = self.reached(all);
            let panels = reached.start / kernel.width..reached.end.div_ceil(kernel.width);
            let (start, columns) = (panels.start * kernel.width, panels.len() * kernel.width);
            products.resize(products.len().max(count * columns), 0.0);
            let used = &self.panels[head.head][panels.start * panel..panels.end * panel];
            match self.tokens {
                Tokens::Queries => {
                    head.times(0, first..first + count, used, products);
                    for (token, products) in products.chunks_exact(columns).take(count).enumerate() {
                        let sums = &mut sums[(first + token) * stride..][..length];
                        for (sum, row) in sums.iter_mut().zip(rows(token)) {
                            *sum += products[*row as usize - start];
                        }
                    }
                }
                Tokens::Keys => {
                    head.times(1, first..first + count, used, products);
                    for query in 0..length {
                        let sums = &mut sums[query * stride + first..][..count];
                        for (token, sum) in sums.iter_mut().enumerate() {
                            *sum += products[token * columns + rows(token)[query] as usize - start];
                        }
                    }
                }
            }
        }
    }
}

impl Change for Disentangled<'_> {
    fn products(&self) -> u64 {
        self.reaches().count() as u64
    }

    fn prepare(&self, head: &Head<'_>, room: &mut Vec<f32>) {
        let (length, mut products) = (head.row.len(), Vec::new());
        room.clear();
        room.resize(length * length.next_multiple_of(head.kernel.width), 0.0);
        for reach in self.reaches() {
            reach.add(head, self.rows.longest, room, &mut products);
        }
    }

    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        let sums = &place.room[place.queries.start * place.stride..][..scores.len()];
        for (score, sum) in scores.iter_mut().zip(sums) {
            *score += sum;
        }
    }
}
