//! A convolution over the tokens of each row.

use gatecheck_model::{activation::Activation, blueprint::deberta_v2};
use mlx_rs::{Array, error::Exception, ops};

use crate::{elementwise::activate, input::Input};

/// A convolution with bias.
pub(crate) struct Convolution {
    /// `[hidden, width, hidden / groups]`.
    weight: Array,
    bias: Array,
    width: usize,
    groups: usize,
}

impl Convolution {
    /// Takes a weight `[hidden, hidden / groups, width]` as PyTorch stores it.
    pub(crate) fn new(
        weight: &Array,
        bias: Array,
        shape: &deberta_v2::Convolution,
    ) -> Result<Self, Exception> {
        let weight = weight.transpose_axes(&[0, 2, 1])?.contiguous()?;
        mlx_rs::transforms::eval([&weight, &bias])?;
        Ok(Self { weight, bias, width: shape.width, groups: shape.groups })
    }

    /// `activation(convolution of x)`, with zeros around each row.
    pub(crate) fn forward(
        &self,
        input: &Input,
        x: &Array,
        activation: Activation,
    ) -> Result<Array, Exception> {
        let mut x = x.clone();
        if input.bias.is_some() {
            // The last real tokens must not see the padding.
            let shape = [input.padded.rows as i32, input.padded.length as i32, 1];
            let real = Array::from_slice(&input.by_token(|_| 1.0, 0.0), &shape).as_dtype(x.dtype())?;
            x = x.multiply(&real)?;
        }
        let (padding, groups) = (self.width as i32 / 2, self.groups as i32);
        let seen = ops::conv1d(&x, &self.weight, 1, padding, 1, groups)?.add(&self.bias)?;
        activate(&seen, activation)
    }
}
