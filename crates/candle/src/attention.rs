//! Multi-head attention over ragged rows (<https://arxiv.org/abs/1706.03762>), a few queries of one
//! head at a time: their scores never leave the first-level cache, and no padding is computed.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape};
use rayon::prelude::*;

use crate::{
    elementwise::softmax,
    linear::contiguous,
    packed::Shared,
    tile::{Kernel, Tile},
    work::Recorder,
};

/// `softmax(scale·Q·Kᵀ)·V` on projections `[tokens, …]`. As an operation on one tensor it takes queries, keys
/// and values side by side; on two, the first or the first two of them in one, and the rest in the other.
pub(crate) struct Attention<'a> {
    /// The rows as ranges of tokens.
    pub(crate) rows: &'a [Range<usize>],
    pub(crate) heads: usize,
    /// What the products are multiplied by.
    pub(crate) scale: f32,
    /// What is done to the scores before the softmax.
    pub(crate) change: Option<&'a dyn Change>,
    pub(crate) recorder: &'a Recorder,
}

/// Changes the scores of a few queries of one head before the softmax, such as by a bias.
pub(crate) trait Change: Sync {
    /// How many products of the size of the scores this does by itself.
    fn products(&self) -> u64 {
        0
    }

    /// Called once for each head of a row, before its scores: `room` is handed to [`Change::change`].
    fn prepare(&self, _head: &Head<'_>, _room: &mut Vec<f32>) {}

    /// `scores[query · stride + key]`, both counted from the first of the place, are finite and must stay so.
    fn change(&self, place: &Place<'_>, scores: &mut [f32]);

    /// Which of a row's `length` keys any of these queries looks at; the scores of others are not computed.
    fn seen(&self, queries: &Range<usize>, length: usize) -> Range<usize> {
        let _ = queries;
        0..length
    }
}

/// Which queries of which head of a row.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) head: usize,
    /// The first query, and how many there are.
    pub(crate) queries: Range<usize>,
    /// Keys of the row.
    pub(crate) keys: usize,
    /// Those of them that the scores are of: what [`Change::seen`] asked for, and a few before.
    pub(crate) seen: Range<usize>,
    /// From the scores of one query to those of the next.
    pub(crate) stride: usize,
    /// What [`Change::prepare`] has left.
    pub(crate) room: &'a [f32],
}

impl CustomOp1 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let values = contiguous(storage, layout)?;
        let (_, stride) = layout.shape().dims2()?;
        let hidden = stride / 3;
        let part = |index: usize| Part { values, stride, start: index * hidden };
        Ok(self.run([part(0), part(1), part(2)], hidden))
    }
}

impl CustomOp2 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention in parts"
    }

    fn cpu_fwd(
        &self,
        first: &CpuStorage,
        first_layout: &Layout,
        rest: &CpuStorage,
        rest_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((_, wide), (_, other)) = (first_layout.shape().dims2()?, rest_layout.shape().dims2()?);
        let (first, rest) = (contiguous(first, first_layout)?, contiguous(rest, rest_layout)?);
        let hidden = (wide + other) / 3;
        let part = |index: usize| match (index * hidden).checked_sub(wide) {
            Some(start) => Part { values: rest, stride: other, start },
            None => Part { values: first, stride: wide, start: index * hidden },
        };
        Ok(self.run([part(0), part(1), part(2)], hidden))
    }
}

impl Attention<'_> {
    /// For each query of a row, how many keys it looks at.
    fn keys_of(&self, length: usize) -> impl Iterator<Item = usize> {
        (0..length).map(move |query| {
            self.change.map_or(length, |change| change.seen(&(query..query + 1), length).len())
        })
    }

    /// `[tokens, hidden]` from queries, keys and values.
    fn run(&self, parts: [Part<'_>; 3], hidden: usize) -> (CpuStorage, Shape) {
        let tokens = parts[0].values.len() / parts[0].stride;
        assert!(hidden.is_multiple_of(self.heads), "{hidden} elements for {} heads", self.heads);
        assert!(cover(self.rows, tokens), "{:?} for {tokens} tokens", self.rows);
        let products = 2 + self.change.map_or(0, Change::products);
        self.recorder.attention(
            || self.rows.iter().flat_map(|row| self.keys_of(row.len())).sum(),
            hidden,
            products,
        );
        let mut output = Vec::with_capacity(tokens * hidden);
        let shared = Shared::new(&mut output.spare_capacity_mut()[..tokens * hidden], hidden);
        let (kernel, heads) = (Kernel::of_this_cpu(), self.heads);
        // Short rows are little work: several heads of them make a task.
        let together = 256 / (tokens / self.rows.len().max(1)).max(1);
        (0..self.rows.len() * heads)
            .into_par_iter()
            .with_min_len(together.clamp(1, heads.div_ceil(2)))
            .for_each_init(Scratch::default, |scratch, task| {
                let (row, head) = (self.rows[task / heads].clone(), task % heads);
                let (scale, change, size) = (self.scale, self.change, hidden / heads);
                Head { kernel: &kernel, parts: &parts, size, row, head, scale, change }.run(scratch, &shared);
            });
        #[expect(unsafe_code, reason = "the rows and heads cover the output, as asserted above")]
        unsafe {
            output.set_len(tokens * hidden);
        }
        (CpuStorage::F32(output), Shape::from((tokens, hidden)))
    }
}

/// Whether the rows are all of the tokens, one after the other.
fn cover(rows: &[Range<usize>], tokens: usize) -> bool {
    let end = rows.iter().try_fold(0, |end, row| (row.start == end && row.end >= end).then_some(row.end));
    end == Some(tokens)
}

/// Vectors of all heads, token after token.
#[derive(Clone, Copy)]
struct Part<'a> {
    values: &'a [f32],
    /// From one token to the next.
    stride: usize,
    /// Where those of a token begin.
    start: usize,
}

/// Room for one head, kept from task to task.
#[derive(Default)]
struct Scratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    context: Vec<f32>,
    room: Vec<f32>,
}

/// One head of one row.
pub(crate) struct Head<'a> {
    pub(crate) kernel: &'a Kernel,
    parts: &'a [Part<'a>; 3],
    /// Elements of a vector.
    pub(crate) size: usize,
    /// Its tokens.
    pub(crate) row: Range<usize>,
    pub(crate) head: usize,
    scale: f32,
    change: Option<&'a dyn Change>,
}

impl Head<'_> {
    /// Query (0), key (1) or value (2) of a token of the row.
    fn vector(&self, kind: usize, token: usize) -> &[f32] {
        &self.from(kind, token)[..self.size]
    }

    /// The same, and what lies behind it.
    fn from(&self, kind: usize, token: usize) -> &[f32] {
        let Part { values, stride, start } = self.parts[kind];
        &values[(self.row.start + token) * stride + start + self.head * self.size..]
    }

    /// The products of the queries (0) or keys (1) of a few tokens and the columns of `panels`, token after
    /// token: `output[token · columns + column]`.
    pub(crate) fn times(&self, kind: usize, tokens: Range<usize>, panels: &[f32], output: &mut [f32]) {
        let (width, columns) = (self.kernel.width, panels.len() / self.size);
        // All that the kernel reads, so that its pointer may reach the last of the tokens.
        let left = &self.from(kind, tokens.start)[..(tokens.len() - 1) * self.parts[kind].stride + self.size];
        let output = &mut output[..tokens.len() * columns];
        for (index, panel) in panels.chunks_exact(width * self.size).enumerate() {
            let tile = Tile {
                rows: tokens.len(),
                inner: self.size,
                left: left.as_ptr(),
                left_stride: self.parts[kind].stride,
                right: panel.as_ptr(),
                right_stride: width,
                start: std::ptr::null(),
                output: output[index * width..].as_mut_ptr(),
                output_stride: columns,
            };
            #[expect(unsafe_code, reason = "the slices have checked the bounds")]
            unsafe {
                self.kernel.run(tile);
            }
        }
    }

    fn run(&self, scratch: &mut Scratch, output: &Shared<'_>) {
        let (length, size, width) = (self.row.len(), self.size, self.kernel.width);
        let wide = size.next_multiple_of(width);
        self.pack(scratch);
        if let Some(change) = self.change {
            change.prepare(self, &mut scratch.room);
        }
        let step = length.div_ceil(length.div_ceil(self.kernel.rows));
        scratch.scores.resize(self.kernel.rows * length.next_multiple_of(width), 0.0);
        scratch.context.resize(self.kernel.rows * wide, 0.0);
        for first in (0..length).step_by(step) {
            let rows = step.min(length - first);
            let queries = first..first + rows;
            let asked = self.change.map_or(0..length, |change| change.seen(&queries, length));
            let seen = asked.start / width * width..asked.end;
            let padded = seen.len().next_multiple_of(width);
            let scores = &mut scratch.scores[..rows * padded];
            self.times(0, queries.clone(), &scratch.keys[seen.start * size..][..padded * size], scores);
            if let Some(change) = self.change {
                let (head, seen, room) = (self.head, seen.clone(), &scratch.room);
                change.change(&Place { head, queries, keys: length, seen, stride: padded, room }, scores);
            }
            softmax(scores, seen.len(), padded);
            let context = &mut scratch.context[..rows * wide];
            for (panel, values) in scratch.values.chunks_exact(width * length).enumerate() {
                let values = &values[seen.start * width..][..seen.len() * width];
                let tile = Tile {
                    rows,
                    inner: seen.len(),
                    left: scores.as_ptr(),
                    left_stride: padded,
                    right: values.as_ptr(),
                    right_stride: width,
                    start: std::ptr::null(),
                    output: context[panel * width..].as_mut_ptr(),
                    output_stride: wide,
                };
                #[expect(unsafe_code, reason = "the slices have checked the bounds")]
                unsafe {
                    self.kernel.run(tile);
                }
            }
            for (token, values) in context.chunks_exact(wide).enumerate() {
                let row = self.row.start + first + token;
                #[expect(unsafe_code, reason = "no other task has this row and head")]
                unsafe {
                    output.write(row, self.head * size, &values[..size]);
                }
            }
        }
    }

    /// Keys, scaled, and values in panels for the kernel, filled up with zeros.
    fn pack(&self, scratch: &mut Scratch) {
        let (length, size, width) = (self.row.len(), self.size, self.kernel.width);
        scratch.keys.clear();
        scratch.keys.resize(length.next_multiple_of(width) * size, 0.0);
        for (panel, keys) in scratch.keys.chunks_exact_mut(width * size).enumerate() {
            for column in 0..width.min(length - panel * width) {
                let key = self.vector(1, panel * width + column);
                for (line, value) in keys.chunks_exact_mut(width).zip(key) {
                    line[column] = value * self.scale;
                }
            }
        }
        scratch.values.clear();
        scratch.values.resize(size.next_multiple_of(width) * length, 0.0);
        for (panel, values) in scratch.values.chunks_exact_mut(width * length).enumerate() {
            let columns = panel * width..size.min((panel + 1) * width);
            for (token, line) in values.chunks_exact_mut(width).enumerate() {
                line[..columns.len()].copy_from_slice(&self.vector(2, token)[columns.clone()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    /// Attention on seven tokens of eight elements, which are twos.
    fn run(rows: &[Range<usize>], heads: usize) -> Vec<f32> {
        let x = Tensor::full(2f32, (7, 24), &Device::Cpu).unwrap();
        let recorder = Recorder::default();
        let attention = Attention { rows, heads, scale: 1.0, change: None, recorder: &recorder };
        x.apply_op1_no_bwd(&attention).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn writes_every_element() {
        assert_eq!(run(&[0..3, 3..7], 4), [2.0; 56]);
    }

    #[test]
    #[should_panic(expected = "for 7 tokens")]
    fn refuses_rows_with_a_gap() {
        run(&[0..3, 4..7], 4);
    }

    #[test]
    #[should_panic(expected = "for 7 tokens")]
    fn refuses_rows_that_end_early() {
        run(&[0..3, 3..6], 4);
    }

    #[test]
    #[should_panic(expected = "8 elements for 3 heads")]
    fn refuses_heads_that_leave_elements_over() {
        run(&[0..3, 3..7], 3);
    }
}
