//! An encoder with a decoder behind it, with their weights.

use super::{
    loader::Loader,
    parts::{Parts, attention_scale},
    post_norm::{Embeddings, Layer, PostNorm},
};
use crate::{
    activation::Activation,
    blueprint::bart::{self, CrossNames},
};

/// As [`bart::Bart`], with its weights.
pub struct Bart<P: Parts> {
    /// Reads the text.
    pub encoder: PostNorm<P>,
    /// Those of the decoder.
    pub embeddings: Embeddings<P>,
    /// Those of the decoder: between its halves, each looks at the encoder's states.
    pub layers: Vec<(Layer<P>, Cross<P>)>,
    /// Attention heads per layer of the decoder.
    pub heads: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// The function between the two feed-forward matrices.
    pub activation: Activation,
    /// What the decoder reads first.
    pub start: u32,
}

/// Attention to the encoder's states.
pub struct Cross<P: Parts> {
    /// Projection of the decoder's states to queries.
    pub query: P::Linear,
    /// Projections of the encoder's states to keys and values, side by side.
    pub key_value: P::Linear,
    /// Projection of the context.
    pub output: P::Linear,
    /// Norm of the sum of context and input.
    pub norm: P::Norm,
}

impl<P: Parts> Bart<P> {
    pub(super) fn load(loader: &Loader<'_, P>, names: &bart::Bart) -> Result<Self, P::Error> {
        let bart::Bart { encoder, decoder, cross, start } = names;
        let encoder = PostNorm::load(loader, encoder)?;
        let words = encoder.embeddings.words.clone();
        let layers = decoder.weights.iter().zip(cross).map(|(names, cross)| {
            let cross = Cross::load(loader, cross, decoder.hidden_size, decoder.epsilon)?;
            Ok((Layer::load(loader, decoder, names)?, cross))
        });
        Ok(Self {
            encoder,
            embeddings: Embeddings::with_words(loader, decoder, words)?,
            layers: layers.collect::<Result<_, P::Error>>()?,
            heads: decoder.heads,
            scale: attention_scale(decoder.hidden_size, decoder.heads),
            activation: decoder.activation,
            start: *start,
        })
    }
}

impl<P: Parts> Cross<P> {
    fn load(
        loader: &Loader<'_, P>,
        names: &CrossNames,
        hidden: usize,
        epsilon: f32,
    ) -> Result<Self, P::Error> {
        Ok(Self {
            query: loader.linear(&names.query, hidden, hidden)?,
            key_value: loader.stacked(&names.key_value, hidden, hidden)?,
            output: loader.linear(&names.output, hidden, hidden)?,
            norm: loader.norm(&names.norm, hidden, epsilon)?,
        })
    }
}
