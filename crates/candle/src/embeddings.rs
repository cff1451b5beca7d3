//! The first states of the tokens: word, position and token-type vectors, added and normed.

use candle_core::{DType, Device, Result, Tensor};
use gatecheck_model::{batch::Batch, load::post_norm::Embeddings};
use rayon::prelude::*;

use crate::{
    elementwise::{NormRow, add_norm},
    linear::with_slices,
    parts::Candle,
};

/// States `[real tokens, hidden]`. The ids have been checked against the tables.
pub(crate) fn forward(embeddings: &Embeddings<Candle>, batch: &Batch) -> Result<Tensor> {
    let Embeddings { words, positions, first_position, types, norm, projection, norm_last } = embeddings;
    let width = words.dim(1)?;
    let places: Vec<usize> = match positions {
        Some(_) => batch.ranges().flat_map(|range| *first_position..first_position + range.len()).collect(),
        None => vec![0; batch.tokens()],
    };
    // One row, which every token gets from a table that the architecture does not have.
    let zeros = Tensor::zeros((1, width), DType::F32, &Device::Cpu)?;
    let (positions, types) = (positions.as_ref().unwrap_or(&zeros), types.as_ref().unwrap_or(&zeros));
    let tensors = [words, positions, types, &norm.scale, &norm.shift];
    let states = with_slices(&tensors, |slices| {
        let row = |table: usize, index: usize| &slices[table][index * width..][..width];
        let norm = Some(NormRow { scale: slices[3], shift: slices[4], epsilon: norm.epsilon });
        let mut states = vec![0.0; batch.tokens() * width];
        states.par_chunks_mut(64 * width).enumerate().for_each(|(chunk, part)| {
            for (offset, state) in part.chunks_exact_mut(width).enumerate() {
                let token = chunk * 64 + offset;
                let word = row(0, batch.ids[token] as usize);
                let (position, kind) = (row(1, places[token]), row(2, batch.type_ids[token] as usize));
                for (((value, word), position), kind) in state.iter_mut().zip(word).zip(position).zip(kind) {
                    *value = word + position + kind;
                }
            }
            add_norm(part, width, None, norm.filter(|_| !norm_last));
        });
        states
    })?;
    let states = Tensor::from_vec(states, (batch.tokens(), width), &Device::Cpu)?;
    let Some(projection) = projection else { return Ok(states) };
    let states = projection.forward(&states)?;
    if *norm_last { norm.forward(&states) } else { Ok(states) }
}
