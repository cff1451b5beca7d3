//! A linear layer with its activation and norm.

use candle_core::{Result, Tensor};
use gatecheck_model::{activation::Activation, head::Dense};

use crate::{
    Failure,
    linear::{Linear, Norm},
    weights::Loader,
};

/// What a [`Dense`] describes, with its weights.
pub(crate) struct Block {
    linear: Linear,
    activation: Option<Activation>,
    norm: Option<Norm>,
}

impl Block {
    pub(crate) fn load(loader: &Loader<'_>, dense: &Dense) -> std::result::Result<Self, Failure> {
        let norm = dense.norm.as_ref().map(|norm| loader.norm_of(norm, dense.outputs)).transpose()?;
        Ok(Self { linear: loader.linear_of(dense)?, activation: dense.activation, norm })
    }

    /// `norm(activation(x·Wᵀ + b))`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Some(activation) = self.activation else {
            return self.linear.settle(x, None, self.norm.as_ref());
        };
        let y = self.linear.activate(x, activation)?;
        self.norm.as_ref().map_or(Ok(y.clone()), |norm| norm.forward(&y))
    }

    /// `norm(x·Wᵀ + b + residual)`, of a block without activation.
    pub(crate) fn add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.linear.settle(x, Some(residual), self.norm.as_ref())
    }
}
