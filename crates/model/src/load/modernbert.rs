//! ModernBERT's encoder with its weights.

use super::{
    loader::Loader,
    parts::{Parts, attention_scale},
};
use crate::{
    activation::Activation,
    blueprint::modernbert::{self, wavelengths},
};

/// As [`modernbert::ModernBert`], with its weights.
pub struct ModernBert<P: Parts> {
    /// The word table.
    pub words: P::Table,
    /// The norm of the words, which gives the first states.
    pub embedding_norm: P::Norm,
    /// In the order they are applied.
    pub layers: Vec<Layer<P>>,
    /// The norm after the last layer.
    pub final_norm: P::Norm,
    /// Attention heads per layer.
    pub heads: usize,
    /// Elements of a head.
    pub head_size: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// The function that goes before the gate.
    pub activation: Activation,
    /// Rotary positions, once for each base.
    pub ropes: Vec<P::Rope>,
    /// Windows, once for each reach.
    pub windows: Vec<P::Window>,
}

/// As [`modernbert::Layer`], with its weights.
pub struct Layer<P: Parts> {
    /// Before the attention.
    pub attention_norm: Option<P::Norm>,
    /// Projections to queries, keys and values, side by side.
    pub query_key_value: P::Linear,
    /// Projection of the context.
    pub attention_output: P::Linear,
    /// Before the feed-forward half.
    pub feed_forward_norm: P::Norm,
    /// The first feed-forward matrix: columns for the activation, then as many for the gate.
    pub gated: P::Linear,
    /// The second feed-forward matrix.
    pub output: P::Linear,
    /// Which of the encoder's rotary positions.
    pub rope: usize,
    /// Which of the encoder's windows; without one, every token attends to all.
    pub window: Option<usize>,
}

impl<P: Parts> ModernBert<P> {
    pub(super) fn load(loader: &Loader<'_, P>, names: &modernbert::ModernBert) -> Result<Self, P::Error> {
        let (hidden, (words, rows)) = (names.hidden_size, &names.words);
        let (mut thetas, mut reaches) = (Vec::new(), Vec::new());
        let layers = names.layers.iter().map(|layer| {
            let rope = place(&mut thetas, layer.rope_theta);
            let window = layer.window.map(|reach| place(&mut reaches, reach));
            Layer::load(loader, layer, hidden, rope, window)
        });
        let layers = layers.collect::<Result<_, _>>()?;
        let rope = |theta: &f32| loader.parts.rope(wavelengths(*theta, names.head_size()));
        Ok(Self {
            words: loader.table(words, *rows, hidden)?,
            embedding_norm: loader.norm_of(&names.embedding_norm, hidden)?,
            layers,
            final_norm: loader.norm_of(&names.final_norm, hidden)?,
            heads: names.heads,
            head_size: names.head_size(),
            scale: attention_scale(hidden, names.heads),
            activation: names.activation,
            ropes: thetas.iter().map(rope).collect(),
            windows: reaches.iter().map(|reach| loader.parts.window(*reach)).collect(),
        })
    }
}

/// Where `value` is among those found so far, to which it is added if it is new.
fn place<T: PartialEq>(found: &mut Vec<T>, value: T) -> usize {
    found.iter().position(|other| *other == value).unwrap_or_else(|| {
        found.push(value);
        found.len() - 1
    })
}

impl<P: Parts> Layer<P> {
    fn load(
        loader: &Loader<'_, P>,
        names: &modernbert::Layer,
        hidden: usize,
        rope: usize,
        window: Option<usize>,
    ) -> Result<Self, P::Error> {
        let norm = |name| loader.norm_of(name, hidden);
        Ok(Self {
            attention_norm: names.attention_norm.as_ref().map(norm).transpose()?,
            query_key_value: loader.linear_of(&names.query_key_value)?,
            attention_output: loader.linear_of(&names.attention_output)?,
            feed_forward_norm: norm(&names.feed_forward_norm)?,
            gated: loader.linear_of(&names.gated)?,
            output: loader.linear_of(&names.output)?,
            rope,
            window,
        })
    }
}
