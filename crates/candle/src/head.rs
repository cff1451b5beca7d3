//! From token states to what a model gives out: logits, or an embedding.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};
use gatecheck_model::{
    batch::Batch,
    blueprint::head::Pick,
    load::head::{Head, Step},
};

use crate::{dense, linear::with_slices, parts::Candle};

/// One row of numbers per row of the batch, from states `[real tokens, hidden]`.
pub(crate) fn forward(head: &Head<Candle>, states: &Tensor, batch: &Batch) -> Result<Vec<Vec<f32>>> {
    let hidden = states.dim(1)?;
    let vectors: Vec<f32> = with_slices(&[states], |slices| {
        let row = |range: Range<usize>| {
            let tokens = &slices[0][range.start * hidden..range.end * hidden];
            let ids = &batch.ids[range];
            head.picks.iter().flat_map(move |pick| picked(*pick, tokens, ids, hidden))
        };
        batch.ranges().flat_map(row).collect()
    })?;
    let width = vectors.len() / batch.rows();
    let mut x = Tensor::from_vec(vectors, (batch.rows(), width), &Device::Cpu)?;
    for step in &head.steps {
        x = match step {
            Step::Dense(dense) => dense::forward(dense, &x)?,
            Step::Normalize => normalized(&x)?,
        };
    }
    x.to_vec2()
}

/// One vector out of the states of a row with these token ids.
fn picked(pick: Pick, states: &[f32], ids: &[u32], hidden: usize) -> Vec<f32> {
    let token = |index: usize| states[index * hidden..][..hidden].to_vec();
    let folded = |start: f32, combine: fn(f32, f32) -> f32, factor: f32| {
        let mut vector = vec![start; hidden];
        for state in states.chunks_exact(hidden) {
            for (folded, value) in vector.iter_mut().zip(state) {
                *folded = combine(*folded, *value);
            }
        }
        vector.iter_mut().for_each(|value| *value *= factor);
        vector
    };
    let (last, count) = (ids.len() - 1, ids.len() as f32);
    match pick {
        Pick::First => token(0),
        Pick::Last => token(last),
        Pick::LastOf(id) => token(ids.iter().rposition(|other| *other == id).unwrap_or(last)),
        Pick::Max => folded(f32::NEG_INFINITY, f32::max, 1.0),
        Pick::Mean => folded(0.0, |sum, value| sum + value, 1.0 / count),
        Pick::MeanSqrt => folded(0.0, |sum, value| sum + value, 1.0 / count.sqrt()),
    }
}

/// Scales each row to length 1; as in PyTorch's `normalize`, lengths below 1e-12 count as 1e-12.
fn normalized(x: &Tensor) -> Result<Tensor> {
    let mut rows: Vec<Vec<f32>> = x.to_vec2()?;
    for row in &mut rows {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
        row.iter_mut().for_each(|value| *value /= length);
    }
    Tensor::new(rows, x.device())
}
