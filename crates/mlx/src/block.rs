//! A linear layer with its activation and norm.

use gatecheck_model::{activation::Activation, head::Dense};
use mlx_rs::{Array, error::Exception};

use crate::{
    Failure,
    layers::{Linear, Norm, activate},
    weights::Loader,
};

/// What a [`Dense`] describes, with its weights.
pub(crate) struct Block {
    linear: Linear,
    activation: Option<Activation>,
    norm: Option<Norm>,
}

impl Block {
    pub(crate) fn load(loader: &Loader<'_>, dense: &Dense) -> Result<Self, Failure> {
        let norm = dense.norm.as_ref().map(|norm| loader.norm_of(norm, dense.outputs)).transpose()?;
        Ok(Self { linear: loader.linear_of(dense)?, activation: dense.activation, norm })
    }

    /// `norm(activation(x·Wᵀ + b))`.
    pub(crate) fn forward(&self, x: &Array) -> Result<Array, Exception> {
        let y = self.linear.forward(x)?;
        self.normed(self.activation.map_or(Ok(y.clone()), |activation| activate(&y, activation))?)
    }

    /// `norm(x·Wᵀ + b + residual)`, of a block without activation.
    pub(crate) fn add(&self, x: &Array, residual: &Array) -> Result<Array, Exception> {
        self.normed(self.linear.forward(x)?.add(residual)?)
    }

    fn normed(&self, x: Array) -> Result<Array, Exception> {
        self.norm.as_ref().map_or(Ok(x.clone()), |norm| norm.forward(&x))
    }
}
