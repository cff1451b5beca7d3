//! A linear layer with its activation and norm.

use candle_core::{Result, Tensor};
use gatecheck_model::load::head::Dense;

use crate::parts::Candle;

/// `norm(activation(x·Wᵀ + b))`.
pub(crate) fn forward(dense: &Dense<Candle>, x: &Tensor) -> Result<Tensor> {
    let Dense { linear, activation, norm } = dense;
    let Some(activation) = activation else {
        return linear.add_norm(x, None, norm.as_ref());
    };
    let y = linear.activate(x, *activation)?;
    norm.as_ref().map_or(Ok(y.clone()), |norm| norm.forward(&y))
}

/// `norm(x·Wᵀ + b + residual)`, where there is no activation.
pub(crate) fn add(dense: &Dense<Candle>, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
    dense.linear.add_norm(x, Some(residual), dense.norm.as_ref())
}
