//! How a batch is cut for several streams of the CPU.
//!
//! MLX runs the operations of one CPU stream one after the other, and only matrix products on more
//! than one thread. Rows are independent of each other, so parts of a batch can go to several streams,
//! each with a thread of its own; small parts also find their data still in the cache.

use gatecheck_model::batch::Batch;

/// Real tokens of a part, about: its widest array (four times the states) stays within a few megabytes.
const TOKENS: usize = 512;

/// Row numbers of each part, rows of similar length together; a multiple of `streams` where the rows
/// allow. With fewer rows than streams it is one part.
pub(crate) fn parts(batch: &Batch, streams: usize) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..batch.rows()).collect();
    if streams < 2 || rows.len() < streams {
        return vec![rows];
    }
    rows.sort_by_key(|row| std::cmp::Reverse(batch.lengths[*row]));
    let count = batch.tokens().div_ceil(TOKENS).next_multiple_of(streams).min(rows.len());
    let mut parts = vec![Vec::new(); count];
    let mut before = 0;
    for (index, row) in rows.iter().enumerate() {
        // By the share of tokens that lie before it, but so that every part gets a row.
        let by_tokens = before * count / batch.tokens().max(1);
        let part = by_tokens.clamp(count.saturating_sub(rows.len() - index), index);
        parts[part.min(count - 1)].push(*row);
        before += batch.lengths[*row] as usize;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The rows of a part as a batch of their own.
pub(crate) fn take(batch: &Batch, rows: &[usize]) -> Batch {
    let ranges: Vec<_> = batch.ranges().collect();
    let mut part = Batch::default();
    for row in rows {
        part.ids.extend(&batch.ids[ranges[*row].clone()]);
        part.type_ids.extend(&batch.type_ids[ranges[*row].clone()]);
        part.lengths.push(batch.lengths[*row]);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lengths: &[u32]) -> Batch {
        let ids: Vec<u32> = (0..lengths.iter().sum()).collect();
        Batch { type_ids: ids.clone(), ids, lengths: lengths.to_vec() }
    }

    #[test]
    fn every_row_is_in_one_part() {
        for lengths in [&[128; 32][..], &[500, 1, 1, 1], &[3, 4, 5], &[7], &[1, 2], &[40; 9]] {
            for streams in 1..5 {
                let batch = batch(lengths);
                let parts = parts(&batch, streams);
                let mut rows = parts.concat();
                rows.sort_unstable();
                assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
                assert!(parts.iter().all(|part| !part.is_empty()));
                if lengths.len() < streams || streams == 1 {
                    assert_eq!(parts.len(), 1);
                } else {
                    assert!(parts.len() >= streams.min(2), "{lengths:?} {streams}: {parts:?}");
                }
            }
        }
        assert_eq!(parts(&batch(&[128; 32]), 2).len(), 8);
    }

    #[test]
    fn a_part_has_its_rows() {
        let part = take(&batch(&[2, 3, 1]), &[2, 0]);
        assert_eq!((part.ids, part.lengths), (vec![5, 0, 1], vec![1, 2]));
    }
}
