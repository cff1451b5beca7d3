//! A linear layer with what follows it in one pass, as candle operations.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Storage, Tensor};
use gatecheck_model::activation::Activation;
use rayon::prelude::*;

use crate::{
    elementwise::{NormRow, add_norm},
    packed::pack,
    product::{Finish, Rotation, Weights, product},
    tile::Kernel,
    work::Recorder,
};

/// `y = x·Wᵀ + b`.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    /// `[panels, inputs, width]` where the tile kernel multiplies, or `[outputs, inputs]` as PyTorch
    /// stores it, for the matrix library.
    weight: Tensor,
    bias: Tensor,
    inputs: usize,
    kernel: Kernel,
    recorder: Arc<Recorder>,
}

/// Scale and shift of a norm.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) scale: Tensor,
    pub(crate) shift: Tensor,
    /// As in [`NormRow`].
    pub(crate) epsilon: Option<f32>,
}

impl Norm {
    /// The norm of each row of `x`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut values: Vec<f32> = x.flatten_all()?.to_vec1()?;
        with_slices(&[&self.scale, &self.shift], |slices| {
            let width = slices[0].len();
            let norm = NormRow { scale: slices[0], shift: slices[1], epsilon: self.epsilon };
            values.par_chunks_mut(64 * width).for_each(|rows| add_norm(rows, width, None, Some(norm)));
        })?;
        Tensor::from_vec(values, x.shape(), &Device::Cpu)
    }
}

/// What is done to the sum.
enum Then<'a> {
    Nothing,
    Activate(Activation),
    AddNorm(Option<&'a Tensor>, Option<&'a Norm>),
    Rope(&'a Rotation<'a>),
}

struct LinearOp<'a> {
    linear: &'a Linear,
    then: Then<'a>,
}

impl Linear {
    /// Takes a weight `[outputs, inputs]` and a bias `[outputs]` as PyTorch stores them.
    pub(crate) fn new(
        weight: Vec<f32>,
        bias: Vec<f32>,
        inputs: usize,
        recorder: &Arc<Recorder>,
    ) -> Result<Self> {
        Self::with_kernel(Kernel::of_this_cpu(), weight, bias, inputs, recorder)
    }

    /// As [`Linear::new`], for a kernel that this CPU has.
    fn with_kernel(
        kernel: Kernel,
        weight: Vec<f32>,
        bias: Vec<f32>,
        inputs: usize,
        recorder: &Arc<Recorder>,
    ) -> Result<Self> {
        let outputs = bias.len();
        let weight = if kernel.fast {
            let panels = pack(&weight, outputs, inputs, kernel.width);
            Tensor::from_vec(panels, (outputs.div_ceil(kernel.width), inputs, kernel.width), &Device::Cpu)?
        } else {
            Tensor::from_vec(weight, (outputs, inputs), &Device::Cpu)?
        };
        let bias = Tensor::from_vec(bias, outputs, &Device::Cpu)?;
        Ok(Self { weight, bias, inputs, kernel, recorder: Arc::clone(recorder) })
    }

    /// `x·Wᵀ + b` for `x` of `[tokens, inputs]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op1_no_bwd(&LinearOp { linear: self, then: Then::Nothing })
    }

    /// `activation(x·Wᵀ + b)`.
    pub(crate) fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        x.apply_op1_no_bwd(&LinearOp { linear: self, then: Then::Activate(activation) })
    }

    /// `norm(x·Wᵀ + b + residual)`, as every half of a post-norm layer ends; with or without a residual and a
    /// norm.
    pub(crate) fn add_norm(
        &self,
        x: &Tensor,
        residual: Option<&Tensor>,
        norm: Option<&Norm>,
    ) -> Result<Tensor> {
        x.apply_op1_no_bwd(&LinearOp { linear: self, then: Then::AddNorm(residual, norm) })
    }

    /// Queries, keys and values side by side, the first two with rotary positions.
    pub(crate) fn rope(&self, x: &Tensor, rotation: &Rotation<'_>) -> Result<Tensor> {
        x.apply_op1_no_bwd(&LinearOp { linear: self, then: Then::Rope(rotation) })
    }
}

/// Runs `body` on the elements of contiguous CPU tensors of 32-bit floats.
pub(crate) fn with_slices<T>(tensors: &[&Tensor], body: impl FnOnce(&[&[f32]]) -> T) -> Result<T> {
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
pub(crate) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => Err(candle_core::Error::RequiresContiguous { op: "encoder" }.bt()),
    }
}

impl CustomOp1 for LinearOp<'_> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Linear { weight, bias, inputs, kernel, recorder } = self.linear;
        let x = contiguous(storage, layout)?;
        let outputs = bias.dim(0)?;
        recorder.product([x.len() / inputs, *inputs, outputs]);
        let mut tensors = vec![weight, bias];
        if let Then::AddNorm(residual, norm) = self.then {
            tensors.extend(norm.iter().flat_map(|norm| [&norm.scale, &norm.shift]));
            tensors.extend(residual);
        }
        let y = with_slices(&tensors, |slices| {
            let finish = match &self.then {
                Then::Nothing => Finish::Nothing,
                Then::Activate(activation) => Finish::Activate(*activation),
                Then::AddNorm(residual, norm) => Finish::AddNorm {
                    residual: residual.and(slices.last().copied()),
                    norm: norm.map(|norm| NormRow {
                        scale: slices[2],
                        shift: slices[3],
                        epsilon: norm.epsilon,
                    }),
                },
                Then::Rope(rotation) => Finish::Rope(rotation),
            };
            let weights = Weights { values: slices[0], kernel, bias: slices[1], inputs: *inputs };
            product(x, &weights, &finish)
        })?;
        Ok((CpuStorage::F32(y), Shape::from((x.len() / inputs, outputs))))
    }
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
