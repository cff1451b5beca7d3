//! What DeBERTa adds to the scores of attention: products of tokens and distances.

use crate::{
    attention::{Change, Head, Place},
    packed::pack,
    tile::Kernel,
};

/// Whose vectors meet those of distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokens {
    Queries,
    Keys,
}

/// The vectors of distances in one layer.
pub(crate) struct Disentangled {
    pub(crate) reaches: Vec<Reach>,
    /// Tokens of the longest row.
    pub(crate) longest: usize,
}

/// The products of either queries or keys with the vectors of distances.
pub(crate) struct Reach {
    tokens: Tokens,
    /// For each head, the scaled vectors in panels.
    panels: Vec<Vec<f32>>,
    /// Which vector belongs to `other - token`, from `1 - longest` to `longest - 1`. It rises or falls all
    /// the way.
    places: Vec<u32>,
}

impl Reach {
    /// Takes the vectors `[distances, hidden]`, and which of them belongs to each `query - key`.
    pub(crate) fn new(
        tokens: Tokens,
        vectors: &[f32],
        (hidden, heads): (usize, usize),
        scale: f32,
        by_distance: &[usize],
    ) -> Self {
        let (size, count, width) = (hidden / heads, vectors.len() / hidden, Kernel::of_this_cpu().width);
        let of_head = |head: usize| {
            let parts = vectors.chunks_exact(hidden).flat_map(|vector| &vector[head * size..][..size]);
            let scaled: Vec<f32> = parts.map(|value| value * scale).collect();
            pack(&scaled, count, size, width)
        };
        let mut places: Vec<u32> = by_distance.iter().map(|place| *place as u32).collect();
        if tokens == Tokens::Queries {
            places.reverse();
        }
        Self { tokens, panels: (0..heads).map(of_head).collect(), places }
    }

    /// The vectors that the distances of these tokens to all of the row reach, as a range.
    fn reached(&self, places: &[u32]) -> std::ops::Range<usize> {
        let ends = [places[0] as usize, places[places.len() - 1] as usize];
        ends[0].min(ends[1])..ends[0].max(ends[1]) + 1
    }

    /// Adds to `sums[query · stride + key]` for all queries and keys of a row.
    fn add(&self, head: &Head<'_>, longest: usize, sums: &mut [f32], products: &mut Vec<f32>) {
        let (length, kernel) = (head.row.len(), head.kernel);
        let (stride, panel) = (sums.len() / length, kernel.width * head.size);
        let step = length.div_ceil(length.div_ceil(kernel.rows));
        for first in (0..length).step_by(step) {
            let rows = step.min(length - first);
            // The places of the first token's distances to all others, and so on backwards.
            let places = |row: usize| &self.places[longest - 1 - first - row..][..length];
            let all = &self.places[longest - first - rows..][..length + rows - 1];
            let reached = self.reached(all);
            let panels = reached.start / kernel.width..reached.end.div_ceil(kernel.width);
            let (start, columns) = (panels.start * kernel.width, panels.len() * kernel.width);
            products.resize(products.len().max(rows * columns), 0.0);
            let used = &self.panels[head.head][panels.start * panel..panels.end * panel];
            match self.tokens {
                Tokens::Queries => {
                    head.times(0, first..first + rows, used, products);
                    for (row, products) in products.chunks_exact(columns).take(rows).enumerate() {
                        let sums = &mut sums[(first + row) * stride..][..length];
                        for (sum, place) in sums.iter_mut().zip(places(row)) {
                            *sum += products[*place as usize - start];
                        }
                    }
                }
                Tokens::Keys => {
                    head.times(1, first..first + rows, used, products);
                    for query in 0..length {
                        let sums = &mut sums[query * stride + first..][..rows];
                        for (row, sum) in sums.iter_mut().enumerate() {
                            *sum += products[row * columns + places(row)[query] as usize - start];
                        }
                    }
                }
            }
        }
    }
}

impl Change for Disentangled {
    fn products(&self) -> u64 {
        self.reaches.len() as u64
    }

    fn prepare(&self, head: &Head<'_>, room: &mut Vec<f32>) {
        let (length, mut products) = (head.row.len(), Vec::new());
        room.clear();
        room.resize(length * length.next_multiple_of(head.kernel.width), 0.0);
        for reach in &self.reaches {
            reach.add(head, self.longest, room, &mut products);
        }
    }

    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        let sums = &place.room[place.queries.start * place.stride..][..scores.len()];
        for (score, sum) in scores.iter_mut().zip(sums) {
            *score += sum;
        }
    }
}
