//! A convolution over the tokens of each row, as a product with what each token sees side by side.

use std::{ops::Range, sync::Arc};

use candle_core::{Device, Result, Tensor};
use gatecheck_model::{activation::Activation, blueprint::deberta_v2};

use crate::{
    linear::{Linear, with_slices},
    work::Recorder,
};

/// A convolution with bias.
pub(crate) struct Convolution {
    /// From `width · hidden` to `hidden`.
    linear: Linear,
    width: usize,
}

impl Convolution {
    /// Takes a weight `[hidden, hidden / groups, width]` as PyTorch stores it.
    pub(crate) fn new(
        stored: &[f32],
        bias: Vec<f32>,
        shape: &deberta_v2::Convolution,
        recorder: &Arc<Recorder>,
    ) -> Result<Self> {
        let (hidden, width) = (bias.len(), shape.width);
        let (inputs, outputs) = (hidden / shape.groups, hidden / shape.groups);
        // Zeros where an output does not see an input.
        let mut weight = vec![0.0; hidden * width * hidden];
        for (index, value) in stored.iter().enumerate() {
            let (offset, input, output) = (index % width, index / width % inputs, index / width / inputs);
            let input = output / outputs * inputs + input;
            weight[(output * width + offset) * hidden + input] = *value;
        }
        Ok(Self { linear: Linear::new(weight, bias, width * hidden, recorder)?, width })
    }

    /// `activation(convolution of x)` for `x` of `[tokens, hidden]`, with zeros around each row.
    pub(crate) fn forward(
        &self,
        rows: &[Range<usize>],
        x: &Tensor,
        activation: Activation,
    ) -> Result<Tensor> {
        let (tokens, hidden) = x.dims2()?;
        let (wide, before) = (self.width * hidden, self.width / 2);
        let seen = with_slices(&[x], |slices| {
            let mut seen = vec![0.0; tokens * wide];
            for row in rows {
                for token in row.clone() {
                    let first = row.start.max(token.saturating_sub(before));
                    let last = row.end.min(token + before + 1);
                    let start = token * wide + (first + before - token) * hidden;
                    let states = &slices[0][first * hidden..last * hidden];
                    seen[start..][..states.len()].copy_from_slice(states);
                }
            }
            seen
        })?;
        let seen = Tensor::from_vec(seen, (tokens, wide), &Device::Cpu)?;
        self.linear.activate(&seen, activation)
    }
}
