//! Attention to the tokens near each token.
//!
//! A row that is long beside its window is cut into blocks as long as the window reaches, each of which
//! attends to itself and its two neighbours: work and memory then grow with the length, not its square.

use mlx_rs::{Array, error::Exception, ops};

use crate::{
    attention::{Mask, attend},
    input::{Input, PerLength},
};

/// Added to the scores of keys that are out of sight. Twice as much still is a number in 16 bits: a padded
/// token may have nothing in sight, and must not become NaN, which would spread.
const HIDDEN: f32 = -3e4;

/// Which keys queries look at.
pub(crate) enum Sight {
    /// All of a row, with what is added to the scores.
    Whole(Option<Array>),
    /// Those of the same block and its neighbours.
    Blocks {
        /// Tokens of a block.
        size: i32,
        /// `[rows · blocks, 1, size, 3 · size]`.
        bias: Array,
    },
}

/// A window that reaches as far to both sides, in rows of any length.
pub(crate) struct Window {
    reach: usize,
    whole: PerLength,
    block: PerLength,
}

impl Window {
    pub(crate) fn new(reach: usize) -> Self {
        Self { reach, whole: PerLength::default(), block: PerLength::default() }
    }

    /// What is in sight in the rows of `input`.
    pub(crate) fn of(&self, input: &Input) -> Result<Sight, Exception> {
        let (rows, length, size) = (input.padded.rows, input.padded.length, self.reach.max(1));
        if length <= self.reach + 1 {
            return Ok(Sight::Whole(input.bias.clone()));
        }
        let padding = input.by_token(|_| 0.0, HIDDEN);
        if length <= 4 * size {
            let mut bias = self.whole.corner(length, |length| self.band(length, length, 0))?;
            if input.bias.is_some() {
                bias = bias.add(Array::from_slice(&padding, &[rows as i32, 1, 1, length as i32]))?;
            }
            return Ok(Sight::Whole(Some(bias.as_dtype(input.dtype)?)));
        }
        let (blocks, keys) = (length.div_ceil(size), 3 * size);
        let mut outside = vec![HIDDEN; rows * blocks * keys];
        for (index, bias) in outside.chunks_exact_mut(keys).enumerate() {
            let (row, start) = (&padding[index / blocks * length..][..length], index % blocks * size);
            // Counted so that the block before the first one begins at 0.
            let real = start.max(size)..(start + keys).min(size + length);
            bias[real.start - start..real.end - start]
                .copy_from_slice(&row[real.start - size..real.end - size]);
        }
        let outside = Array::from_slice(&outside, &[(rows * blocks) as i32, 1, 1, keys as i32]);
        let bias = self.block.get(size, || self.band(size, keys, size))?.add(outside)?;
        Ok(Sight::Blocks { size: size as i32, bias: bias.as_dtype(input.dtype)? })
    }

    /// `[1, 1, queries, keys]`, with so many keys before the first query.
    fn band(&self, queries: usize, keys: usize, before: usize) -> Result<Array, Exception> {
        let near = |query: usize, key: usize| (query + before).abs_diff(key) <= self.reach;
        let row = |query: usize| (0..keys).map(move |key| if near(query, key) { 0.0 } else { HIDDEN });
        let values: Vec<f32> = (0..queries).flat_map(row).collect();
        Ok(Array::from_slice(&values, &[1, 1, queries as i32, keys as i32]))
    }
}

impl Sight {
    /// Attention on queries, keys and values, each `[rows, heads, length, size of a head]`.
    pub(crate) fn attend(&self, parts: &[Array; 3], scale: f32) -> Result<Array, Exception> {
        let [query, key, value] = parts;
        match self {
            Self::Whole(bias) => attend(parts, scale, bias.as_ref().map(Mask::Array)),
            Self::Blocks { size, bias } => {
                let [rows, length] = [0, 2].map(|axis| query.shape()[axis]);
                let parts = [blocks(query, *size, 0)?, blocks(key, *size, 1)?, blocks(value, *size, 1)?];
                let context = attend(&parts, scale, Some(Mask::Array(bias)))?;
                let context = context.reshape(&[rows, -1, context.shape()[2]])?;
                Ok(context.split_at_indices(&[length], 1)?.swap_remove(0))
            }
        }
    }
}

/// Cuts `[rows, heads, length, width]` into blocks, `[rows · blocks, heads, size, width]`, each followed and
/// preceded by so many neighbours on the third axis. The last block is filled up with zeros, and so are
/// neighbours beyond the ends.
fn blocks(x: &Array, size: i32, neighbours: i32) -> Result<Array, Exception> {
    let [rows, heads, length, width] = [0, 1, 2, 3].map(|axis| x.shape()[axis]);
    let count = (length + size - 1) / size;
    let (before, after) = (neighbours * size, (count + neighbours) * size - length);
    let filled = ops::pad(x, &[(0, 0), (0, 0), (before, after), (0, 0)], None, None)?;
    let mut wide = filled.reshape(&[rows, heads, count + 2 * neighbours, size, width])?;
    if neighbours > 0 {
        let shifted = (0..=2 * neighbours).map(|shift| {
            let places: Vec<i32> = (shift..shift + count).collect();
            wide.take_axis(Array::from_slice(&places, &[count]), 2)
        });
        wide = ops::concatenate(&shifted.collect::<Result<Vec<_>, _>>()?, 3)?;
    }
    let span = (2 * neighbours + 1) * size;
    wide.transpose_axes(&[0, 2, 1, 3, 4])?.reshape(&[rows * count, heads, span, width])
}
