//! The post-norm encoder with its weights.

use super::{
    loader::Loader,
    parts::{Parts, attention_scale},
};
use crate::{
    activation::Activation,
    blueprint::{
        head::Dense,
        post_norm::{self, LayerNames, Projection},
    },
};

/// As [`post_norm::PostNorm`], with its weights.
pub struct PostNorm<P: Parts> {
    /// What gives the first states.
    pub embeddings: Embeddings<P>,
    /// Layers with weights of their own.
    pub weights: Vec<Layer<P>>,
    /// For each layer of the encoder, which of `weights` it applies, one after the other.
    pub layers: Vec<Vec<usize>>,
    /// Attention heads per layer.
    pub heads: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// The function between the two feed-forward matrices.
    pub activation: Activation,
    /// Added to the attention scores by the distance of two tokens.
    pub relative: Option<P::RelativeBias>,
}

/// A layer: self-attention, then a feed-forward half.
pub struct Layer<P: Parts> {
    /// Projections to queries, keys and values, side by side.
    pub query_key_value: P::Linear,
    /// Projection of the context.
    pub attention_output: P::Linear,
    /// Norm of the sum of context and input.
    pub attention_norm: P::Norm,
    /// First feed-forward matrix.
    pub intermediate: P::Linear,
    /// Second feed-forward matrix.
    pub output: P::Linear,
    /// Norm of the sum of both halves.
    pub output_norm: P::Norm,
}

/// The tables, the norm of their sum, and the way to the width of the states.
pub struct Embeddings<P: Parts> {
    /// The word table.
    pub words: P::Table,
    /// The position table.
    pub positions: Option<P::Table>,
    /// The row of the first token's position.
    pub first_position: usize,
    /// The token-type table.
    pub types: Option<P::Table>,
    /// The layer norm.
    pub norm: P::Norm,
    /// From the width of the tables to that of the states.
    pub projection: Option<P::Linear>,
    /// Whether the norm comes after the projection.
    pub norm_last: bool,
}

impl<P: Parts> PostNorm<P> {
    pub(super) fn load(loader: &Loader<'_, P>, names: &post_norm::PostNorm) -> Result<Self, P::Error> {
        let weights = names.weights.iter().map(|layer| Layer::load(loader, names, layer));
        let relative = names.relative.as_ref().map(|bias| {
            let table = loader.table(&bias.module, bias.rows, names.heads)?;
            loader.parts.relative_bias(&table, bias, loader.positions)
        });
        Ok(Self {
            embeddings: Embeddings::load(loader, names)?,
            weights: weights.collect::<Result<_, _>>()?,
            layers: names.layers.clone(),
            heads: names.heads,
            scale: attention_scale(names.hidden_size, names.heads),
            activation: names.activation,
            relative: relative.transpose()?,
        })
    }
}

impl<P: Parts> Layer<P> {
    pub(super) fn load(
        loader: &Loader<'_, P>,
        encoder: &post_norm::PostNorm,
        names: &LayerNames,
    ) -> Result<Self, P::Error> {
        let (hidden, wide, epsilon) = (encoder.hidden_size, encoder.intermediate_size, encoder.epsilon);
        Ok(Self {
            query_key_value: loader.stacked(&names.query_key_value, hidden, hidden)?,
            attention_output: loader.linear(&names.attention_output, hidden, hidden)?,
            attention_norm: loader.norm(&names.attention_norm, hidden, epsilon)?,
            intermediate: loader.linear(&names.intermediate, wide, hidden)?,
            output: loader.linear(&names.output, hidden, wide)?,
            output_norm: loader.norm(&names.output_norm, hidden, epsilon)?,
        })
    }
}

impl<P: Parts> Embeddings<P> {
    fn load(loader: &Loader<'_, P>, encoder: &post_norm::PostNorm) -> Result<Self, P::Error> {
        let post_norm::Embeddings { width, words: (module, rows), scale, .. } = &encoder.embeddings;
        let words = loader.scaled_table(module, *rows, *width, *scale)?;
        Self::with_words(loader, encoder, words)
    }

    /// With the word table of others.
    pub(super) fn with_words(
        loader: &Loader<'_, P>,
        encoder: &post_norm::PostNorm,
        words: P::Table,
    ) -> Result<Self, P::Error> {
        let post_norm::Embeddings { width, positions, first_position, types, norm, projection, .. } =
            &encoder.embeddings;
        let (inner, outer) = (*width, encoder.hidden_size);
        let table = |(module, rows): &(String, usize)| loader.table(module, *rows, inner);
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
            positions: positions.as_ref().map(table).transpose()?,
            first_position: *first_position,
            types: types.as_ref().map(table).transpose()?,
            norm: loader.norm(norm, if norm_last { outer } else { inner }, encoder.epsilon)?,
            projection,
            norm_last,
        })
    }
}
