//! The first states of the tokens: word, position and token-type vectors, added and normed.

use candle_core::{Device, Result, Tensor};
use gatecheck_model::{
    batch::Batch,
    head::Dense,
    post_norm::{self, PostNorm, Projection},
};
use rayon::prelude::*;

use crate::{
    Failure,
    elementwise::{NormRow, settle},
    linear::{Linear, Norm, with_slices},
    weights::Loader,
};

/// The tables, the norm of their sum, and the way to the width of the states.
pub(crate) struct Embeddings {
    pub(crate) words: Tensor,
    /// One row of zeros, as for `types`, where the architecture has none.
    positions: Tensor,
    /// The row of the first position, if there are any.
    first_position: Option<usize>,
    types: Tensor,
    norm: Norm,
    projection: Option<Linear>,
    /// Whether the norm comes after the projection.
    norm_last: bool,
}

impl Embeddings {
    pub(crate) fn load(loader: &Loader<'_>, encoder: &PostNorm) -> std::result::Result<Self, Failure> {
        let post_norm::Embeddings { width, words: (module, rows), scale, .. } = &encoder.embeddings;
        let words = loader.matrix(module, *rows, *width)?;
        let words = if *scale == 1.0 { words } else { (words * f64::from(*scale))? };
        Self::with_words(loader, encoder, words)
    }

    /// With the word table of others.
    pub(crate) fn with_words(
        loader: &Loader<'_>,
        encoder: &PostNorm,
        words: Tensor,
    ) -> std::result::Result<Self, Failure> {
        let post_norm::Embeddings { width, positions, first_position, types, norm, projection, .. } =
            &encoder.embeddings;
        let (inner, outer) = (*width, encoder.hidden_size);
        let table = |(module, rows): &(String, usize)| loader.matrix(module, *rows, inner);
        let zeros = || Ok(Tensor::from_vec(vec![0.0f32; inner], (1, inner), &Device::Cpu)?);
        let (norm_last, projection) = match projection {
            Some(Projection::BeforeNorm(module)) => {
                let dense = Dense { bias: false, ..Dense::new(module, inner, outer) };
                (true, Some(loader.linear_of(&dense)?))
            }
            Some(Projection::AfterNorm(module)) => (false, Some(loader.linear(module, outer, inner)?)),
            None => (false, None),
        };
        Ok(Self {
            words,
            positions: positions.as_ref().map_or_else(zeros, table)?,
            first_position: positions.as_ref().map(|_| *first_position),
            types: types.as_ref().map_or_else(zeros, table)?,
            norm: loader.norm(norm, if norm_last { outer } else { inner }, encoder.epsilon)?,
            projection,
            norm_last,
        })
    }

    /// States `[real tokens, hidden]`. The ids have been checked against the tables.
    pub(crate) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let width = self.words.dim(1)?;
        let positions: Vec<usize> = match self.first_position {
            Some(first) => batch.ranges().flat_map(|range| first..first + range.len()).collect(),
            None => vec![0; batch.tokens()],
        };
        let tensors = [&self.words, &self.positions, &self.types, &self.norm.scale, &self.norm.shift];
        let states = with_slices(&tensors, |slices| {
            let row = |table: usize, index: usize| &slices[table][index * width..][..width];
            let norm = Some(NormRow { scale: slices[3], shift: slices[4], epsilon: self.norm.epsilon });
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
                settle(part, width, None, norm.filter(|_| !self.norm_last));
            });
            states
        })?;
        let states = Tensor::from_vec(states, (batch.tokens(), width), &Device::Cpu)?;
        let Some(projection) = &self.projection else { return Ok(states) };
        let states = projection.forward(&states)?;
        if self.norm_last { self.norm.forward(&states) } else { Ok(states) }
    }
}
