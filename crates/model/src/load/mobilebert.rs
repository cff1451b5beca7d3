//! MobileBERT's encoder with its weights.

use super::{
    head::Dense,
    loader::Loader,
    parts::{Parts, attention_scale},
};
use crate::blueprint::mobilebert::{self, AttentionInput};

/// As [`mobilebert::MobileBert`], with its weights.
pub struct MobileBert<P: Parts> {
    /// What gives the first states.
    pub embeddings: Embeddings<P>,
    /// In the order they are applied.
    pub layers: Vec<Layer<P>>,
    /// Attention heads per layer.
    pub heads: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
}

/// As [`mobilebert::Embeddings`], with their weights.
pub struct Embeddings<P: Parts> {
    /// The word table.
    pub words: P::Table,
    /// The position table.
    pub positions: P::Table,
    /// The token-type table.
    pub types: P::Table,
    /// Whether a word's vector has those of its neighbours beside it.
    pub trigrams: bool,
    /// From the words to the width of the states.
    pub transformation: Option<P::Linear>,
    /// Applied to the sum.
    pub norm: P::Norm,
}

/// As [`mobilebert::Layer`], with its weights.
pub struct Layer<P: Parts> {
    /// From the wide states to narrow ones.
    pub narrow: Option<Dense<P>>,
    /// To queries, keys and values.
    pub projections: Projections<P>,
    /// Projection of the context.
    pub attention_output: Dense<P>,
    /// Feed-forward networks, one after the other: two matrices each.
    pub feed_forward: Vec<[Dense<P>; 2]>,
    /// From the narrow states back to wide ones.
    pub wide: Option<Dense<P>>,
}

/// Projections to queries, keys and values.
pub enum Projections<P: Parts> {
    /// All three of the same states.
    Packed {
        /// Queries, keys and values side by side.
        linear: P::Linear,
        /// Whether of the narrow states, otherwise of the wide ones.
        narrow: bool,
    },
    /// Queries and keys of narrow states of their own, values of the wide states.
    Shared {
        /// Makes these states.
        narrow: Dense<P>,
        /// Queries and keys side by side.
        query_key: P::Linear,
        /// Values.
        value: P::Linear,
    },
}

impl<P: Parts> MobileBert<P> {
    pub(super) fn load(loader: &Loader<'_, P>, names: &mobilebert::MobileBert) -> Result<Self, P::Error> {
        names.unused.iter().for_each(|module| loader.checkpoint.leave(module));
        let layers = names.layers.iter().map(|layer| Layer::load(loader, names, layer));
        Ok(Self {
            embeddings: Embeddings::load(loader, &names.embeddings, names.hidden_size)?,
            layers: layers.collect::<Result<_, _>>()?,
            heads: names.heads,
            scale: attention_scale(names.narrow_size, names.heads),
        })
    }
}

impl<P: Parts> Embeddings<P> {
    fn load(loader: &Loader<'_, P>, names: &mobilebert::Embeddings, hidden: usize) -> Result<Self, P::Error> {
        let table = |(module, rows): &(String, usize), width: usize| loader.table(module, *rows, width);
        let transformation = names.transformation.as_ref();
        Ok(Self {
            words: table(&names.words, names.width)?,
            positions: table(&names.positions, hidden)?,
            types: table(&names.types, hidden)?,
            trigrams: names.trigrams,
            transformation: transformation.map(|dense| loader.linear_of(dense)).transpose()?,
            norm: loader.norm_of(&names.norm, hidden)?,
        })
    }
}

impl<P: Parts> Layer<P> {
    fn load(
        loader: &Loader<'_, P>,
        encoder: &mobilebert::MobileBert,
        names: &mobilebert::Layer,
    ) -> Result<Self, P::Error> {
        let dense = |dense| Dense::load(loader, dense);
        let (narrow, modules) = (encoder.narrow_size, &names.query_key_value);
        let projections = match &names.attention_input {
            AttentionInput::Shared(shared) => Projections::Shared {
                narrow: dense(shared)?,
                query_key: loader.stacked(&modules[..2], narrow, narrow)?,
                value: loader.linear(&modules[2], narrow, encoder.hidden_size)?,
            },
            input => Projections::Packed {
                linear: loader.stacked(modules, narrow, narrow)?,
                narrow: *input == AttentionInput::Narrow,
            },
        };
        let networks = names.feed_forward.iter().map(|[first, second]| Ok([dense(first)?, dense(second)?]));
        Ok(Self {
            narrow: names.narrow.as_ref().map(dense).transpose()?,
            projections,
            attention_output: dense(&names.attention_output)?,
            feed_forward: networks.collect::<Result<_, P::Error>>()?,
            wide: names.wide.as_ref().map(dense).transpose()?,
        })
    }
}
