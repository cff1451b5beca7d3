//! Quantization in groups, bit for bit as MLX's CPU kernels do it, without needing MLX.
//!
//! A group of neighbours in a row becomes codes of a few bits and what they share ([`Mode`]). In affine mode that is a
//! scale and a bias: `value ≈ code × scale + bias`; in the others codes are small floats and a scale is a byte. The
//! formulas, their precision and their order of operations are those of `quantize` in MLX 0.32.2: of
//! [`quantized.cpp`](https://github.com/ml-explore/mlx/blob/v0.32.2/mlx/backend/cpu/quantized.cpp) for affine mode, of
//! `fp_quantize` in [`ops.cpp`](https://github.com/ml-explore/mlx/blob/v0.32.2/mlx/ops.cpp) for the others.

mod affine;
mod dequantize;
mod element;
mod error;
mod float16;
mod float8;
mod microscaling;
mod pack;
mod quantize;
mod scheme;

pub use self::{
    dequantize::{dequantize, dequantize_groups},
    element::{Float, cast, first_not_finite, largest},
    error::{Bound, QuantError, first_beyond},
    quantize::{Packed, quantize, quantize_groups},
    scheme::{Mode, Scheme},
};

/// Largest group that MLX knows; buffers for one group live on the stack.
const MAX_GROUP: usize = 128;
/// Groups that one parallel task takes.
const TASK: usize = 128;

fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), QuantError> {
    if found == expected { Ok(()) } else { Err(QuantError::Length { what, found, expected }) }
}

#[cfg(test)]
mod tests;
