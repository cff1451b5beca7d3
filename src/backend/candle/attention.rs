//! Multi-head attention over ragged rows (<https://arxiv.org/abs/1706.03762>), a few queries of one
//! head at a time: their scores never leave the first-level cache, and no padding is computed.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape};
use rayon::prelude::*;

use super::{
    elementwise::softmax,
    linear::contiguous,
    packed::Shared,
    tile::{Kernel, Tile},
    work::note_attention,
};

/// `softmax(scale·Q·Kᵀ)·V` on packed projections. As an operation on one tensor `[tokens, 3·hidden]` it takes
/// queries, keys and values side by side; on two, queries `[tokens, hidden]` and keys with values.
pub(super) struct Attention<'a> {
    /// The rows as ranges of tokens.
    pub(super) rows: &'a [Range<usize>],
    pub(super) heads: usize,
    /// What the products are multiplied by.
    pub(super) scale: f32,
    /// What is done to the scores before the softmax.
    pub(super) change: Option<&'a dyn Change>,
}

/// What the products of vectors of `hidden / heads` elements are multiplied by as a rule.
pub(super) fn usual_scale(hidden: usize, heads: usize) -> f32 {
    1.0 / ((hidden / heads) as f32).sqrt()
}

/// Changes the scores of a few queries of one head before the softmax, such as by a bias.
pub(super) trait Change: Sync {
    /// How many products of the size of the scores this does by itself.
    fn products(&self) -> u64 {
        0
    }

    /// Called once for each head of a row, before its scores: `room` is handed to [`Change::change`].
    fn prepare(&self, _head: &Head<'_>, _room: &mut Vec<f32>) {}

    /// `scores[query · stride + key]` are finite and must stay so.
    fn change(&self, place: &Place<'_>, scores: &mut [f32]);
}

/// Which queries of which head of a row.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) head: usize,
    /// The first query, and how many there are.
    pub(super) queries: Range<usize>,
    /// Keys of the row.
    pub(super) keys: usize,
    /// From the scores of one query to those of the next.
    pub(super) stride: usize,
    /// What [`Change::prepare`] has left.
    pub(super) room: &'a [f32],
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
        "cross-attention"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        layout: &Layout,
        others: &CpuStorage,
        others_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, hidden) = layout.shape().dims2()?;
        let queries = Part { values: contiguous(queries, layout)?, stride: hidden, start: 0 };
        let values = contiguous(others, others_layout)?;
        let part = |start: usize| Part { values, stride: 2 * hidden, start };
        Ok(self.run([queries, part(0), part(hidden)], hidden))
    }
}

impl Attention<'_> {
    /// `[tokens, hidden]` from queries, keys and values.
    fn run(&self, parts: [Part<'_>; 3], hidden: usize) -> (CpuStorage, Shape) {
        let tokens = parts[0].values.len() / parts[0].stride;
        let products = 2 + self.change.map_or(0, Change::products);
        note_attention(self.rows.iter().map(ExactSizeIterator::len), hidden, products);
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
        #[expect(unsafe_code, reason = "the rows and heads cover the output")]
        unsafe {
            output.set_len(tokens * hidden);
        }
        (CpuStorage::F32(output), Shape::from((tokens, hidden)))
    }
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
pub(super) struct Head<'a> {
    pub(super) kernel: &'a Kernel,
    parts: &'a [Part<'a>; 3],
    /// Elements of a vector.
    pub(super) size: usize,
    /// Its tokens.
    pub(super) row: Range<usize>,
    pub(super) head: usize,
    scale: f32,
    change: Option<&'a dyn Change>,
}

impl Head<'_> {
    /// Query (0), key (1) or value (2) of a token of the row.
    fn vector(&self, kind: usize, token: usize) -> &[f32] {
        let Part { values, stride, start } = self.parts[kind];
        &values[(self.row.start + token) * stride + start + self.head * self.size..][..self.size]
    }

    /// The products of the queries (0) or keys (1) of a few tokens and the columns of `panels`, token after
    /// token: `output[token · columns + column]`.
    pub(super) fn times(&self, kind: usize, tokens: Range<usize>, panels: &[f32], output: &mut [f32]) {
        let (width, columns) = (self.kernel.width, panels.len() / self.size);
        let (first, _) = (self.vector(kind, tokens.start), self.vector(kind, tokens.end - 1));
        let output = &mut output[..tokens.len() * columns];
        for (index, panel) in panels.chunks_exact(width * self.size).enumerate() {
            let tile = Tile {
                rows: tokens.len(),
                inner: self.size,
                left: first.as_ptr(),
                left_stride: self.parts[kind].stride,
                right: panel.as_ptr(),
                right_stride: width,
                start: std::ptr::null(),
                output: output[index * width..].as_mut_ptr(),
                output_stride: columns,
            };
            #[expect(unsafe_code, reason = "the slices and `vector` have checked the bounds")]
            unsafe {
                self.kernel.run(tile);
            }
        }
    }

    fn run(&self, scratch: &mut Scratch, output: &Shared<'_>) {
        let (length, size, width) = (self.row.len(), self.size, self.kernel.width);
        let (padded, wide) = (length.next_multiple_of(width), size.next_multiple_of(width));
        self.pack(scratch);
        if let Some(change) = self.change {
            change.prepare(self, &mut scratch.room);
        }
        let step = length.div_ceil(length.div_ceil(self.kernel.rows));
        scratch.scores.resize(self.kernel.rows * padded, 0.0);
        scratch.context.resize(self.kernel.rows * wide, 0.0);
        for first in (0..length).step_by(step) {
            let rows = step.min(length - first);
            let queries = first..first + rows;
            let scores = &mut scratch.scores[..rows * padded];
            self.times(0, queries.clone(), &scratch.keys, scores);
            if let Some(change) = self.change {
                let room = &scratch.room;
                change
                    .change(&Place { head: self.head, queries, keys: length, stride: padded, room }, scores);
            }
            softmax(scores, length, padded);
            let context = &mut scratch.context[..rows * wide];
            for (panel, values) in scratch.values.chunks_exact(width * length).enumerate() {
                let tile = Tile {
                    rows,
                    inner: length,
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
