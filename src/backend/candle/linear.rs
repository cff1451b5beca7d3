//! A linear layer with what follows it in one pass, as candle operations.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::{
    elementwise::{add_bias, bias_activation, bias_residual_norm},
    gemm::{Right, Size, View, multiply},
};
use crate::model::activation::Activation;

/// `y = x·Wᵀ + b`. Weight `[outputs, inputs]` and bias `[outputs]` as PyTorch stores them.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

/// Scale and shift of a layer norm.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub(super) scale: Tensor,
    pub(super) shift: Tensor,
    pub(super) epsilon: f32,
}

/// What is done to the product beside adding the bias.
enum Then<'a> {
    Nothing,
    Activate(Activation),
    AddNorm(&'a Tensor, &'a Norm),
}

struct LinearOp<'a> {
    linear: &'a Linear,
    then: Then<'a>,
}

impl Linear {
    /// `x·Wᵀ + b` for `x` of `[tokens, inputs]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op1_no_bwd(&LinearOp { linear: self, then: Then::Nothing })
    }

    /// `activation(x·Wᵀ + b)`.
    pub(super) fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        x.apply_op1_no_bwd(&LinearOp { linear: self, then: Then::Activate(activation) })
    }

    /// `norm(x·Wᵀ + b + residual)`, as every block of a post-norm encoder ends.
    pub(super) fn add_norm(&self, x: &Tensor, residual: &Tensor, norm: &Norm) -> Result<Tensor> {
        x.apply_op1_no_bwd(&LinearOp { linear: self, then: Then::AddNorm(residual, norm) })
    }
}

/// Runs `body` on the elements of contiguous CPU tensors of 32-bit floats.
pub(super) fn with_slices<T>(tensors: &[&Tensor], body: impl FnOnce(&[&[f32]]) -> T) -> Result<T> {
    let guards: Vec<_> = tensors.iter().map(|tensor| tensor.storage_and_layout()).collect();
    let mut slices = Vec::with_capacity(guards.len());
    for (storage, layout) in &guards {
        let Storage::Cpu(storage) = &**storage else {
            return Err(candle_core::Error::Msg("the baseline runs on the CPU only".to_owned()));
        };
        slices.push(contiguous(storage, layout)?);
    }
    Ok(body(&slices))
}

/// The elements of a contiguous tensor.
pub(super) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => Err(candle_core::Error::RequiresContiguous { op: "encoder" }.bt()),
    }
}

/// Rows per task: enough that packing the weights is a small part of a product, few enough that every
/// thread has work.
fn rows_per_task(rows: usize) -> usize {
    const SMALLEST: usize = 16;
    const LARGEST: usize = 512;
    let tasks = rows.div_ceil(LARGEST).next_multiple_of(rayon::current_num_threads());
    rows.div_ceil(tasks).max(SMALLEST)
}

impl CustomOp1 for LinearOp<'_> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = contiguous(storage, layout)?;
        let (outputs, inputs) = self.linear.weight.dims2()?;
        let rows = x.len() / inputs;
        let mut tensors = vec![&self.linear.weight, &self.linear.bias];
        if let Then::AddNorm(residual, norm) = &self.then {
            tensors.extend([*residual, &norm.scale, &norm.shift]);
        }
        let y = with_slices(&tensors, |slices| {
            let finish = |first_row: usize, part: &mut [f32]| match &self.then {
                Then::Nothing => add_bias(part, slices[1]),
                Then::Activate(activation) => bias_activation(part, slices[1], *activation),
                Then::AddNorm(_, norm) => {
                    let residual = &slices[2][first_row * outputs..][..part.len()];
                    bias_residual_norm(part, slices[1], residual, slices[3], slices[4], norm.epsilon);
                }
            };
            product(x, slices[0], Size { rows, columns: outputs, inner: inputs }, finish)
        })?;
        Ok((CpuStorage::F32(y), Shape::from((rows, outputs))))
    }
}

/// `x·Wᵀ` on all threads, with `finish(first row, rows)` on each part while it is in the cache.
fn product(x: &[f32], weight: &[f32], size: Size, finish: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let Size { rows, columns, inner } = size;
    let threads = rayon::current_num_threads();
    let mut y = vec![0.0; rows * columns];
    if threads > 1 && rows < 16 * threads && columns >= 64 * threads {
        few_rows(x, weight, size, &mut y);
        finish(0, &mut y);
        return y;
    }
    let step = rows_per_task(rows);
    y.par_chunks_mut(step * columns).enumerate().for_each(|(task, part)| {
        let first_row = task * step;
        let size = Size { rows: part.len() / columns, columns, inner };
        let left = View { data: &x[first_row * inner..], stride: inner };
        multiply(size, 1.0, left, View { data: weight, stride: inner }, Right::Transposed, part, columns);
        finish(first_row, part);
    });
    y
}

/// With too few rows to share out, each thread takes some of the columns.
fn few_rows(x: &[f32], weight: &[f32], size: Size, y: &mut [f32]) {
    let Size { rows, columns, inner } = size;
    let step = columns.div_ceil(rayon::current_num_threads()).next_multiple_of(16);
    let parts: Vec<Vec<f32>> = weight
        .par_chunks(step * inner)
        .map(|weight| {
            let columns = weight.len() / inner;
            let mut part = vec![0.0; rows * columns];
            let size = Size { rows, columns, inner };
            let (left, right) = (View { data: x, stride: inner }, View { data: weight, stride: inner });
            multiply(size, 1.0, left, right, Right::Transposed, &mut part, columns);
            part
        })
        .collect();
    for (index, part) in parts.iter().enumerate() {
        let width = part.len() / rows;
        for (row, values) in y.chunks_exact_mut(columns).zip(part.chunks_exact(width)) {
            row[index * step..index * step + width].copy_from_slice(values);
        }
    }
}
