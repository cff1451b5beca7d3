//! Which work is done when: blocks of batches and of queries, arms in ABBA order.

use gatecheck_judge::stats::rng::Rng;

/// Fewest blocks for an interval of the speedup worth the name.
pub(super) const FEWEST_BLOCKS: usize = 20;

/// Most blocks per pass: beyond, changing arms costs more than the finer interleaving brings.
const MOST_BLOCKS: usize = 40;

/// From this many blocks on, batches are put together rather than made into more blocks: a change of arms takes a
/// pause, which is as long as some batches of a small model.
const MANY_BLOCKS: usize = 10;

/// How many batches are put together then.
const FEWEST_BATCHES: usize = 4;

/// Blocks of the latency phase.
const LATENCY_BLOCKS: usize = 20;

/// The batches of one pass in blocks. Each block gets batches from the whole range of lengths, so
/// that a drift of the machine does not look like an effect of length.
pub(super) fn throughput(batches: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let blocks = batches.div_ceil(FEWEST_BATCHES).clamp(MANY_BLOCKS, MOST_BLOCKS).min(batches).max(1);
    let mut order: Vec<usize> = (0..batches).collect();
    shuffle(&mut order, rng);
    (0..blocks).map(|block| order.iter().skip(block).step_by(blocks).copied().collect()).collect()
}

/// The examples to ask one by one, in blocks. A small set is asked several times over.
pub(super) fn latency(examples: usize, queries: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    if examples == 0 || queries == 0 {
        return Vec::new();
    }
    let mut order = Vec::with_capacity(queries + examples);
    while order.len() < queries {
        let mut pass: Vec<usize> = (0..examples).collect();
        shuffle(&mut pass, rng);
        order.extend(pass);
    }
    order.truncate(queries);
    order.chunks(queries.div_ceil(LATENCY_BLOCKS)).map(<[usize]>::to_vec).collect()
}

/// The order of the arms in a block: forwards, backwards, forwards, … so that over two blocks each
/// arm comes as early as any other (ABBA).
pub(super) fn order(block: usize, arms: usize) -> Vec<usize> {
    if block.is_multiple_of(2) { (0..arms).collect() } else { (0..arms).rev().collect() }
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], rng: &mut Rng) {
    for last in (1..order.len()).rev() {
        order.swap(last, rng.below(last as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_every_batch_once() {
        for batches in [0, 1, 7, 40, 41, 307] {
            let blocks = throughput(batches, &mut Rng::seeded(1));
            let mut all: Vec<_> = blocks.concat();
            all.sort_unstable();
            assert_eq!(all, (0..batches).collect::<Vec<_>>());
        }
    }

    #[test]
    fn blocks_grow_before_they_become_many() {
        let blocks = |batches| throughput(batches, &mut Rng::seeded(1)).len();
        assert_eq!([0, 1, 7, 13, 39, 100, 307].map(blocks), [1, 1, 7, 10, 10, 25, 40]);
    }

    #[test]
    fn latency_asks_as_often_as_told() {
        let blocks = latency(10, 66, &mut Rng::seeded(1));
        assert_eq!(blocks.concat().len(), 66);
        let counts = (0..10).map(|index| blocks.concat().iter().filter(|item| **item == index).count());
        assert!(counts.into_iter().all(|count| count == 6 || count == 7));
        assert!(latency(0, 5, &mut Rng::seeded(1)).is_empty());
        assert!(latency(5, 0, &mut Rng::seeded(1)).is_empty());
    }

    #[test]
    fn arms_alternate() {
        assert_eq!(order(0, 3), [0, 1, 2]);
        assert_eq!(order(1, 3), [2, 1, 0]);
    }
}
