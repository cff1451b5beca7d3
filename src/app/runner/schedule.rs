//! Which work is done when: batches of like lengths, blocks of batches, arms in ABBA order.

use gatecheck_judge::stats::rng::Rng;

use crate::app::cell::Input;

/// Fewest blocks for an interval of the speedup worth the name.
pub(super) const FEWEST_BLOCKS: usize = 20;

/// Most blocks per pass: beyond, changing arms costs more than the finer interleaving brings.
const MOST_BLOCKS: usize = 40;

/// Blocks of the latency phase.
const LATENCY_BLOCKS: usize = 20;

/// Examples put together so that little is padded: sorted by their longest row, ties by position,
/// and cut into batches of at most `rows` rows; an example of more rows is a batch of its own.
pub fn batches(inputs: &[Input], rows: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    order.sort_by_key(|index| inputs[*index].longest());
    let rows_each = inputs.first().map_or(1, |input| input.rows.len());
    order.chunks((rows / rows_each).max(1)).map(<[usize]>::to_vec).collect()
}

/// Tokens of one pass when each batch is padded to its longest row.
pub fn padded_tokens(inputs: &[Input], batches: &[Vec<usize>]) -> u64 {
    let padded = batches.iter().map(|batch| {
        let rows: usize = batch.iter().map(|index| inputs[*index].rows.len()).sum();
        let longest = batch.iter().map(|index| inputs[*index].longest()).max().unwrap_or(0);
        rows as u64 * u64::from(longest)
    });
    padded.sum()
}

/// The batches of one pass in blocks. Each block gets batches from the whole range of lengths, so
/// that a drift of the machine does not look like an effect of length.
pub(super) fn throughput(batches: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let blocks = batches.clamp(1, MOST_BLOCKS);
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
    use gatecheck_model::batch::Encoded;

    fn text(length: usize) -> Encoded {
        Encoded { ids: vec![1; length], type_ids: vec![0; length], truncated: false }
    }

    #[test]
    fn batches_hold_like_lengths_and_everything_once() {
        let inputs: Vec<_> = [9, 2, 7, 2, 5].map(|length| Input { rows: vec![text(length)] }).into();
        let batches = batches(&inputs, 2);
        assert_eq!(batches, [vec![1, 3], vec![4, 2], vec![0]]);
        assert_eq!(padded_tokens(&inputs, &batches), 4 + 14 + 9);
    }

    #[test]
    fn pairs_of_texts_take_two_rows() {
        let inputs: Vec<_> = [3, 4, 5].map(|length| Input { rows: vec![text(length), text(1)] }).into();
        assert_eq!(batches(&inputs, 4), [vec![0, 1], vec![2]]);
        assert_eq!(batches(&inputs, 1), [vec![0], vec![1], vec![2]]);
        assert_eq!(padded_tokens(&inputs, &[vec![0, 1], vec![2]]), 16 + 10);
    }

    #[test]
    fn blocks_hold_every_batch_once() {
        for batches in [0, 1, 7, 40, 41, 307] {
            let blocks = throughput(batches, &mut Rng::seeded(1));
            let mut all: Vec<_> = blocks.concat();
            all.sort_unstable();
            assert_eq!(all, (0..batches).collect::<Vec<_>>());
            assert!(blocks.len() <= MOST_BLOCKS);
        }
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
