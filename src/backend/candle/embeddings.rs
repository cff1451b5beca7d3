//! The first states of the tokens: word, position and token-type vectors, added and normed.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::{
    elementwise::{NormRow, settle},
    linear::{Linear, Norm, with_slices},
    weights::Loader,
};
use crate::{
    backend::BackendError,
    model::{
        batch::Batch,
        post_norm::{self, PostNorm},
    },
};

/// The tables, the norm of their sum, and the way to the width of the states.
pub(super) struct Embeddings {
    pub(super) words: Tensor,
    positions: Tensor,
    first_position: usize,
    /// One row of zeros where the architecture has no token types.
    types: Tensor,
    norm: Norm,
    projection: Option<Linear>,
}

impl Embeddings {
    pub(super) fn load(loader: &Loader<'_>, encoder: &PostNorm) -> std::result::Result<Self, BackendError> {
        let post_norm::Embeddings { width, words: (module, rows), scale, .. } = &encoder.embeddings;
        let words = loader.matrix(module, *rows, *width)?;
        let words = if *scale == 1.0 { words } else { (words * f64::from(*scale))? };
        Self::with_words(loader, encoder, words)
    }

    /// With the word table of others.
    pub(super) fn with_words(
        loader: &Loader<'_>,
        encoder: &PostNorm,
        words: Tensor,
    ) -> std::result::Result<Self, BackendError> {
        let post_norm::Embeddings { width, positions, first_position, types, norm, projection, .. } =
            &encoder.embeddings;
        let table = |(module, rows): &(String, usize)| loader.matrix(module, *rows, *width);
        let types = match types {
            Some(types) => table(types)?,
            None => Tensor::from_vec(vec![0.0f32; *width], (1, *width), &Device::Cpu)?,
        };
        let projection = projection
            .as_ref()
            .map(|module| loader.linear(module, encoder.hidden_size, *width))
            .transpose()?;
        Ok(Self {
            words,
            positions: table(positions)?,
            first_position: *first_position,
            types,
            norm: loader.norm(norm, *width, encoder.epsilon)?,
            projection,
        })
    }

    /// States `[real tokens, hidden]`. The ids have been checked against the tables.
    pub(super) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let width = self.words.dim(1)?;
        let first = self.first_position;
        let positions: Vec<usize> = batch.ranges().flat_map(|range| first..first + range.len()).collect();
        let tensors = [&self.words, &self.positions, &self.types, &self.norm.scale, &self.norm.shift];
        let states = with_slices(&tensors, |slices| {
            let row = |table: usize, index: usize| &slices[table][index * width..][..width];
            let norm = NormRow { scale: slices[3], shift: slices[4], epsilon: self.norm.epsilon };
            let mut states = vec![0.0; batch.tokens() * width];
            states.par_chunks_mut(64 * width).enumerate().for_each(|(chunk, part)| {
                for (offset, state) in part.chunks_exact_mut(width).enumerate() {
                    let token = chunk * 64 + offset;
                    let word = row(0, batch.ids[token] as usize);
                    let (position, kind) = (row(1, positions[token]), row(2, batch.type_ids[token] as usize));
                    for (((value, word), position), kind) in
                        state.iter_mut().zip(word).zip(position).zip(kind)
                    {
                        *value = word + position + kind;
                    }
                }
                settle(part, width, None, Some(norm));
            });
            states
        })?;
        let states = Tensor::from_vec(states, (batch.tokens(), width), &Device::Cpu)?;
        match &self.projection {
            Some(projection) => projection.forward(&states),
            None => Ok(states),
        }
    }
}
