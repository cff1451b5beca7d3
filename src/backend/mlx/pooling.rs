//! Token states to one vector per row.

use mlx_rs::{Array, Dtype, error::Exception, ops};

use super::Input;
use crate::model::pooling::{Pooling, PoolingMode};

/// Pools `[rows, length, hidden]` to `[rows, hidden]`.
pub(super) fn pool(states: &Array, input: &Input, pooling: &Pooling) -> Result<Array, Exception> {
    let vector = match pooling.mode {
        PoolingMode::Cls => states.take_axis(Array::from_int(0), 1)?,
        PoolingMode::Mean => mean(states, input)?,
    };
    if !pooling.normalize {
        return Ok(vector);
    }
    let length = vector.multiply(&vector)?.sum_axis(-1, true)?.sqrt()?;
    // As in PyTorch's `normalize`, lengths below 1e-12 count as 1e-12.
    vector.divide(ops::maximum(&length, Array::from_f32(1e-12).as_dtype(vector.dtype())?)?)
}

fn mean(states: &Array, input: &Input) -> Result<Array, Exception> {
    let length = input.padded.length;
    let weights: Vec<f32> = input
        .lengths
        .iter()
        .flat_map(|real| {
            (0..length).map(move |token| if token < *real as usize { 1.0 / *real as f32 } else { 0.0 })
        })
        .collect();
    let weights = Array::from_slice(&weights, &[input.padded.rows as i32, 1, length as i32]);
    let states = states.as_dtype(Dtype::Float32)?;
    ops::matmul(&weights, &states)?.squeeze_axes(&[1])
}
