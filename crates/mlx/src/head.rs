//! From token states to what a model gives out: logits, or an embedding.

use gatecheck_model::{
    blueprint::head::Pick,
    load::head::{Head, Step},
};
use mlx_rs::{Array, Dtype, error::Exception, ops};

use crate::{dense, input::Input, parts::Mlx};

/// `[rows, outputs]` from states `[rows, length, hidden]`.
pub(crate) fn forward(head: &Head<Mlx>, states: &Array, input: &Input) -> Result<Array, Exception> {
    let vectors = head.picks.iter().map(|pick| picked(*pick, states, input));
    let mut x = ops::concatenate(&vectors.collect::<Result<Vec<_>, _>>()?, -1)?;
    for step in &head.steps {
        x = match step {
            Step::Dense(dense) => dense::forward(dense, &x)?,
            Step::Normalize => normalized(&x)?,
        };
    }
    Ok(x)
}

/// One vector out of the states of each row.
fn picked(pick: Pick, states: &Array, input: &Input) -> Result<Array, Exception> {
    let weighted = |weight: fn(f32) -> f32| {
        let weights = input.by_token(|length| weight(length as f32), 0.0);
        let weights = Array::from_slice(&weights, &[input.padded.rows as i32, 1, input.padded.length as i32]);
        ops::matmul(&weights, &states.as_dtype(Dtype::Float32)?)?.squeeze_axes(&[1])
    };
    match pick {
        Pick::First => states.take_axis(Array::from_int(0), 1),
        Pick::Last => tokens(states, input, |ids| ids.len() - 1),
        Pick::LastOf(id) => {
            tokens(states, input, |ids| ids.iter().rposition(|other| *other == id).unwrap_or(ids.len() - 1))
        }
        Pick::Mean => weighted(|length| 1.0 / length),
        Pick::MeanSqrt => weighted(|length| 1.0 / length.sqrt()),
        Pick::Max => match &input.bias {
            Some(bias) => {
                let bias = bias.reshape(&[input.padded.rows as i32, input.padded.length as i32, 1])?;
                states.add(&bias)?.max_axis(1, false)
            }
            None => states.max_axis(1, false),
        },
    }
}

/// One state of each row, at the place that `pick` finds in its token ids.
fn tokens(states: &Array, input: &Input, pick: impl Fn(&[u32]) -> usize) -> Result<Array, Exception> {
    let length = input.padded.length;
    let rows = input.padded.ids.chunks_exact(length).zip(&input.lengths).enumerate();
    let places: Vec<u32> =
        rows.map(|(row, (ids, real))| (row * length + pick(&ids[..*real as usize])) as u32).collect();
    let flat = states.reshape(&[-1, states.shape()[2]])?;
    flat.take_axis(Array::from_slice(&places, &[places.len() as i32]), 0)
}

/// Scales each row to length 1; as in PyTorch's `normalize`, lengths below 1e-12 count as 1e-12. In 32 bits:
/// squares overflow float16, and 1e-12 is 0 there.
fn normalized(x: &Array) -> Result<Array, Exception> {
    let x = x.as_dtype(Dtype::Float32)?;
    let length = x.multiply(&x)?.sum_axis(-1, true)?.sqrt()?;
    x.divide(ops::maximum(&length, Array::from_f32(1e-12))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_16_bits_are_normalized() {
        let x = Array::from_slice(&[300.0f32, 400.0, 0.0, 0.0, 3e-4, 4e-4], &[3, 2]);
        for (dtype, precision) in [(Dtype::Float32, 1e-6), (Dtype::Float16, 1e-3), (Dtype::Bfloat16, 1e-2)] {
            let found = normalized(&x.as_dtype(dtype).unwrap()).unwrap();
            let found = found.as_dtype(Dtype::Float32).unwrap();
            found.eval().unwrap();
            for (found, expected) in found.as_slice::<f32>().iter().zip([0.6, 0.8, 0.0, 0.0, 0.6, 0.8]) {
                assert!((found - expected).abs() <= precision, "{found} instead of {expected} in {dtype:?}");
            }
        }
    }
}
