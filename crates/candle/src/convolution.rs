//! A convolution over the tokens of each row, as a product with what each token sees side by side.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};
use gatecheck_model::{activation::Activation, deberta_v2};

use crate::{
    Failure,
    linear::{Linear, Norm, with_slices},
    weights::Loader,
};

/// The convolution with what follows it.
pub(crate) struct Convolution {
    /// From `width · hidden` to `hidden`.
    product: Linear,
    width: usize,
    activation: Activation,
    norm: Norm,
}

impl Convolution {
    pub(crate) fn load(
        loader: &Loader<'_>,
        config: &deberta_v2::Convolution,
        hidden: usize,
        epsilon: f32,
    ) -> std::result::Result<Self, Failure> {
        let deberta_v2::Convolution { module, width, groups, activation, norm } = config;
        let (inputs, outputs) = (hidden / groups, hidden / groups);
        let stored = loader.checkpoint.floats(&format!("{module}.weight"), &[hidden, inputs, *width])?;
        let bias = loader.checkpoint.floats(&format!("{module}.bias"), &[hidden])?;
        // Zeros where an output does not see an input.
        let mut weight = vec![0.0; hidden * width * hidden];
        for (index, value) in stored.iter().enumerate() {
            let (offset, input, output) = (index % width, index / width % inputs, index / width / inputs);
            let input = output / outputs * inputs + input;
            weight[(output * width + offset) * hidden + input] = *value;
        }
        let product = Linear::new(weight, bias, width * hidden, &loader.recorder)?;
        Ok(Self {
            product,
            width: *width,
            activation: *activation,
            norm: loader.norm(norm, hidden, epsilon)?,
        })
    }

    /// `norm(y + activation(convolution of x))` for `x` and `y` of `[tokens, hidden]`, with zeros around
    /// each row.
    pub(crate) fn add(&self, rows: &[Range<usize>], x: &Tensor, y: &Tensor) -> Result<Tensor> {
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
        self.norm.forward(&(self.product.activate(&seen, self.activation)? + y)?)
    }
}
