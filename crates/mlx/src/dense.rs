//! A linear layer with its activation and norm.

use gatecheck_model::load::head::Dense;
use mlx_rs::{Array, error::Exception};

use crate::{elementwise::activate, linear::Norm, parts::Mlx};

/// `norm(activation(x·Wᵀ + b))`.
pub(crate) fn forward(dense: &Dense<Mlx>, x: &Array) -> Result<Array, Exception> {
    let y = dense.linear.forward(x)?;
    let y = dense.activation.map_or(Ok(y.clone()), |activation| activate(&y, activation))?;
    normed(dense.norm.as_ref(), y)
}

/// `norm(x·Wᵀ + b + residual)`, where there is no activation.
pub(crate) fn add(dense: &Dense<Mlx>, x: &Array, residual: &Array) -> Result<Array, Exception> {
    normed(dense.norm.as_ref(), dense.linear.forward(x)?.add(residual)?)
}

fn normed(norm: Option<&Norm>, x: Array) -> Result<Array, Exception> {
    norm.map_or(Ok(x.clone()), |norm| norm.forward(&x))
}
