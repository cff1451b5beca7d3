//! Multi-head self-attention over ragged rows (<https://arxiv.org/abs/1706.03762>), one row and head
//! at a time: the scores of a row never leave the cache, and no padding is computed.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape};
use rayon::prelude::*;

use super::{
    elementwise::softmax,
    gemm::{Right, Size, View, multiply},
    linear::contiguous,
};

/// `softmax(Q·Kᵀ/√d)·V` on packed projections `[tokens, 3·hidden]`: queries, then keys, then values.
pub(super) struct Attention<'a> {
    /// The rows as ranges of tokens.
    pub(super) rows: &'a [Range<usize>],
    pub(super) heads: usize,
}

impl CustomOp1 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let packed = contiguous(storage, layout)?;
        let (tokens, width) = layout.shape().dims2()?;
        let hidden = width / 3;
        let mut output = vec![0.0; tokens * hidden];
        if self.rows.len() < rayon::current_num_threads() {
            self.by_head(packed, hidden, &mut output);
        } else {
            let mut parts = Vec::with_capacity(self.rows.len());
            let mut rest = output.as_mut_slice();
            for row in self.rows {
                let (part, tail) = rest.split_at_mut(row.len() * hidden);
                parts.push((row, part));
                rest = tail;
            }
            parts.into_par_iter().for_each_init(Vec::new, |scores, (row, part)| {
                for head in 0..self.heads {
                    let start = head * hidden / self.heads;
                    self.one(packed, hidden, row, head, scores, &mut part[start..], hidden);
                }
            });
        }
        Ok((CpuStorage::F32(output), Shape::from((tokens, hidden))))
    }
}

impl Attention<'_> {
    /// With fewer rows than threads, the heads are shared out.
    fn by_head(&self, packed: &[f32], hidden: usize, output: &mut [f32]) {
        let size = hidden / self.heads;
        for row in self.rows {
            let parts: Vec<Vec<f32>> = (0..self.heads)
                .into_par_iter()
                .map_init(Vec::new, |scores, head| {
                    let mut part = vec![0.0; row.len() * size];
                    self.one(packed, hidden, row, head, scores, &mut part, size);
                    part
                })
                .collect();
            for (head, part) in parts.iter().enumerate() {
                for (token, values) in row.clone().zip(part.chunks_exact(size)) {
                    output[token * hidden + head * size..][..size].copy_from_slice(values);
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one head of one row: each argument is a coordinate of it")]
    fn one(
        &self,
        packed: &[f32],
        hidden: usize,
        row: &Range<usize>,
        head: usize,
        scores: &mut Vec<f32>,
        output: &mut [f32],
        stride: usize,
    ) {
        let (length, size) = (row.len(), hidden / self.heads);
        let part = |index: usize| View {
            data: &packed[row.start * 3 * hidden + index * hidden + head * size..],
            stride: 3 * hidden,
        };
        let (query, key, value) = (part(0), part(1), part(2));
        scores.resize(length * length, 0.0);
        let square = Size { rows: length, columns: length, inner: size };
        multiply(square, 1.0 / (size as f32).sqrt(), query, key, Right::Transposed, scores, length);
        softmax(scores, length);
        let product = Size { rows: length, columns: size, inner: length };
        let left = View { data: scores, stride: length };
        multiply(product, 1.0, left, value, Right::Plain, output, stride);
    }
}
