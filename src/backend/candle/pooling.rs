//! Token states to one vector per row.

use candle_core::{Result, Tensor};

use super::linear::with_slices;
use crate::model::{
    batch::Batch,
    pooling::{Pooling, PoolingMode},
};

/// Pools `[real tokens, hidden]` to one vector per row.
pub(super) fn pool(states: &Tensor, batch: &Batch, pooling: &Pooling) -> Result<Vec<Vec<f32>>> {
    let hidden = states.dim(1)?;
    with_slices(&[states], |slices| {
        let pooled = batch.ranges().map(|range| {
            let tokens = &slices[0][range.start * hidden..range.end * hidden];
            let mut vector = match pooling.mode {
                PoolingMode::Cls => tokens[..hidden].to_vec(),
                PoolingMode::Mean => mean(tokens, hidden),
            };
            if pooling.normalize {
                normalize(&mut vector);
            }
            vector
        });
        pooled.collect()
    })
}

fn mean(tokens: &[f32], hidden: usize) -> Vec<f32> {
    let mut sum = vec![0.0; hidden];
    for token in tokens.chunks_exact(hidden) {
        for (sum, value) in sum.iter_mut().zip(token) {
            *sum += value;
        }
    }
    let count = (tokens.len() / hidden) as f32;
    sum.iter_mut().for_each(|value| *value /= count);
    sum
}

/// Scales to length 1; as in PyTorch's `normalize`, lengths below 1e-12 count as 1e-12.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    vector.iter_mut().for_each(|value| *value /= length);
}
