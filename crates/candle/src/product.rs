//! Products of states and weights, shared out among the threads.

use std::ops::Range;

use gatecheck_model::activation::Activation;
use rayon::prelude::*;

use crate::{
    elementwise::{NormRow, activate, add_bias, add_norm, rope},
    gemm::{Size, View, multiply},
    packed::{Block, Shared},
    tile::Kernel,
};

/// One weight matrix with its bias.
pub(crate) struct Weights<'a> {
    /// In panels for the kernel if that is a fast one, as [`super::packed::pack`] puts them.
    pub(crate) values: &'a [f32],
    pub(crate) kernel: &'a Kernel,
    pub(crate) bias: &'a [f32],
    pub(crate) inputs: usize,
}

/// What is done to the sums while they are in the cache.
pub(crate) enum Finish<'a> {
    Nothing,
    Activate(Activation),
    /// The norm of the sum and a residual, if there are.
    AddNorm {
        residual: Option<&'a [f32]>,
        norm: Option<NormRow<'a>>,
    },
    /// Rotary positions of queries and keys, which are the first two thirds of a row.
    Rope(&'a Rotation<'a>),
}

/// Angles by position, as [`rope`] takes them, and the position of each row.
pub(crate) struct Rotation<'a> {
    pub(crate) angles: &'a [f32],
    /// Elements of a head, and of `angles` for each position.
    pub(crate) size: usize,
    pub(crate) positions: &'a [usize],
}

impl Finish<'_> {
    /// Whether a part of the columns is too little to work on.
    fn needs_rows(&self) -> bool {
        matches!(self, Self::AddNorm { .. } | Self::Rope(_))
    }

    /// Whole rows, from `first` on.
    fn rows(&self, first: usize, part: &mut [f32], columns: usize) {
        match self {
            Self::Nothing => {}
            Self::Activate(activation) => activate(part, *activation),
            Self::AddNorm { residual, norm } => {
                let residual = residual.map(|residual| &residual[first * columns..][..part.len()]);
                add_norm(part, columns, residual, *norm);
            }
            Self::Rope(Rotation { angles, size, positions }) => {
                for (row, position) in part.chunks_exact_mut(columns).zip(&positions[first..]) {
                    rope(&mut row[..columns / 3 * 2], &angles[position * size..][..*size]);
                }
            }
        }
    }
}

/// `finish(x·Wᵀ + b)` on all threads.
pub(crate) fn product(x: &[f32], weights: &Weights<'_>, finish: &Finish<'_>) -> Vec<f32> {
    let columns = weights.bias.len();
    let length = x.len() / weights.inputs * columns;
    if !weights.kernel.fast {
        let mut y = vec![0.0; length];
        by_library(x, weights, finish, &mut y);
        return y;
    }
    let mut y = Vec::with_capacity(length);
    let shared = Shared::new(&mut y.spare_capacity_mut()[..length], columns);
    let whole_rows = Plan { kernel: weights.kernel, x, weights, finish }.run(&shared);
    #[expect(unsafe_code, reason = "the tasks have written every element")]
    unsafe {
        y.set_len(length);
    }
    if !whole_rows && finish.needs_rows() {
        y.par_chunks_mut(16 * columns)
            .enumerate()
            .for_each(|(chunk, part)| finish.rows(16 * chunk, part, columns));
    }
    y
}

/// A product by the tile kernel.
struct Plan<'a> {
    kernel: &'a Kernel,
    x: &'a [f32],
    weights: &'a Weights<'a>,
    finish: &'a Finish<'a>,
}

impl Plan<'_> {
    /// Writes all of `output`. Tells whether the tasks had whole rows, and so have finished them.
    fn run(&self, output: &Shared<'_>) -> bool {
        let (rows, columns) = (self.x.len() / self.weights.inputs, self.weights.bias.len());
        let (threads, panels) = (rayon::current_num_threads(), columns.div_ceil(self.kernel.width));
        // With few rows, the weights are most of the traffic: better that each thread reads its own.
        let whole_rows = rows >= 2 * self.kernel.rows * threads || panels < threads || threads == 1;
        if whole_rows {
            let step = rows_per_task(rows, columns + self.weights.inputs, threads);
            (0..rows.div_ceil(step)).into_par_iter().for_each(|task| {
                let rows = task * step..rows.min((task + 1) * step);
                self.task(rows, 0..columns, output, true);
            });
        } else {
            let step = panels.div_ceil(threads) * self.kernel.width;
            (0..columns.div_ceil(step)).into_par_iter().for_each(|task| {
                let columns = task * step..columns.min((task + 1) * step);
                self.task(0..rows, columns, output, false);
            });
        }
        whole_rows
    }

    fn task(&self, rows: Range<usize>, columns: Range<usize>, output: &Shared<'_>, whole_rows: bool) {
        let Weights { values: panels, bias, inputs: inner, .. } = *self.weights;
        let (kernel, x) = (self.kernel, self.x);
        let block = Block { kernel, x, inner, panels, bias, rows: rows.clone(), columns: columns.clone() };
        #[expect(unsafe_code, reason = "the tasks cover the output without overlap; written before read")]
        unsafe {
            block.multiply(output);
            if whole_rows {
                self.finish.rows(rows.start, output.rows(rows), columns.end);
            } else if let Finish::Activate(activation) = self.finish {
                for row in rows {
                    activate(output.part(row, columns.start, columns.len()), *activation);
                }
            }
        }
    }
}

/// Rows per task: what a task reads and writes should stay in a core's second-level cache, and all
/// threads should end at the same time.
fn rows_per_task(rows: usize, width: usize, threads: usize) -> usize {
    const CACHE: usize = 640 << 10;
    let most = (CACHE / (size_of::<f32>() * width)).clamp(28, 256);
    rows.div_ceil(rows.div_ceil(most).next_multiple_of(threads)).max(1)
}

/// By the matrix library, where the kernel has no fast vectors of this CPU.
fn by_library(x: &[f32], weights: &Weights<'_>, finish: &Finish<'_>, y: &mut [f32]) {
    let (inner, columns) = (weights.inputs, weights.bias.len());
    let rows = x.len() / inner;
    // The library packs the weights anew for each call, so tasks are few and large.
    let tasks = rows.div_ceil(512).next_multiple_of(rayon::current_num_threads());
    let step = rows.div_ceil(tasks).max(16);
    y.par_chunks_mut(step * columns).enumerate().for_each(|(task, part)| {
        let first = task * step;
        let size = Size { rows: part.len() / columns, columns, inner };
        let left = View { data: &x[first * inner..], stride: inner };
        let right = View { data: weights.values, stride: inner };
        multiply(size, left, right, part, columns);
        add_bias(part, weights.bias);
        finish.rows(first, part, columns);
    });
}
