//! A convolution over the tokens of each row.

use gatecheck_model::{activation::Activation, deberta_v2};
use mlx_rs::{Array, error::Exception, ops};

use crate::{
    Failure,
    input::Input,
    layers::{Norm, activate},
    weights::Loader,
};

/// The convolution with what follows it.
pub(crate) struct Convolution {
    /// `[hidden, width, hidden / groups]`.
    weight: Array,
    bias: Array,
    width: usize,
    groups: usize,
    activation: Activation,
    norm: Norm,
}

impl Convolution {
    pub(crate) fn load(
        loader: &Loader<'_>,
        config: &deberta_v2::Convolution,
        hidden: usize,
        epsilon: f32,
    ) -> Result<Self, Failure> {
        let deberta_v2::Convolution { module, width, groups, activation, norm } = config;
        let weight = loader.tensor(&format!("{module}.weight"), &[hidden, hidden / groups, *width])?;
        let weight = weight.transpose_axes(&[0, 2, 1])?.contiguous()?;
        let bias = loader.tensor(&format!("{module}.bias"), &[hidden])?;
        mlx_rs::transforms::eval([&weight, &bias])?;
        Ok(Self {
            weight,
            bias,
            width: *width,
            groups: *groups,
            activation: *activation,
            norm: loader.norm(norm, hidden, epsilon)?,
        })
    }

    /// `norm(y + activation(convolution of x))`, with zeros around each row.
    pub(crate) fn add(&self, input: &Input, x: &Array, y: &Array) -> Result<Array, Exception> {
        let mut x = x.clone();
        if input.bias.is_some() {
            // The last real tokens must not see the padding.
            let shape = [input.padded.rows as i32, input.padded.length as i32, 1];
            let real = Array::from_slice(&input.by_token(|_| 1.0, 0.0), &shape).as_dtype(x.dtype())?;
            x = x.multiply(&real)?;
        }
        let (padding, groups) = (self.width as i32 / 2, self.groups as i32);
        let seen = ops::conv1d(&x, &self.weight, 1, padding, 1, groups)?.add(&self.bias)?;
        self.norm.forward(&activate(&seen, self.activation)?.add(y)?)
    }
}
