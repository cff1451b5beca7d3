//! The first states of the tokens: word, position and token-type vectors, added and normed.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::{
    elementwise::layer_norm,
    linear::{Norm, with_slices},
    weights::Loader,
};
use crate::{
    backend::BackendError,
    model::{batch::Batch, bert::BertConfig},
};

/// The three tables of BERT.
pub(super) struct Embeddings {
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
}

impl Embeddings {
    pub(super) fn load(loader: &Loader<'_>, config: &BertConfig) -> std::result::Result<Self, BackendError> {
        let hidden = config.hidden_size;
        let table =
            |name: &str, rows| loader.matrix(&format!("bert.embeddings.{name}_embeddings"), rows, hidden);
        Ok(Self {
            words: table("word", config.vocab_size)?,
            positions: table("position", config.max_position_embeddings)?,
            types: table("token_type", config.type_vocab_size)?,
            norm: loader.norm("bert.embeddings.LayerNorm", hidden, config.layer_norm_eps)?,
        })
    }

    /// States `[real tokens, hidden]`. The ids have been checked against the tables.
    pub(super) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let hidden = self.words.dim(1)?;
        let positions: Vec<usize> = batch.ranges().flat_map(|range| 0..range.len()).collect();
        let tensors = [&self.words, &self.positions, &self.types, &self.norm.scale, &self.norm.shift];
        let states = with_slices(&tensors, |slices| {
            let row = |table: usize, index: usize| &slices[table][index * hidden..][..hidden];
            let mut states = vec![0.0; batch.tokens() * hidden];
            states.par_chunks_mut(64 * hidden).enumerate().for_each(|(chunk, part)| {
                for (offset, state) in part.chunks_exact_mut(hidden).enumerate() {
                    let token = chunk * 64 + offset;
                    let word = row(0, batch.ids[token] as usize);
                    let (position, kind) = (row(1, positions[token]), row(2, batch.type_ids[token] as usize));
                    for (((value, word), position), kind) in
                        state.iter_mut().zip(word).zip(position).zip(kind)
                    {
                        *value = word + position + kind;
                    }
                }
                layer_norm(part, slices[3], slices[4], self.norm.epsilon);
            });
            states
        })?;
        Tensor::from_vec(states, (batch.tokens(), hidden), &Device::Cpu)
    }
}
