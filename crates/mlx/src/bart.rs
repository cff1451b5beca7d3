//! An encoder with a decoder behind it, as an MLX graph.

use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    bart::{Bart as Config, CrossNames, shifted},
};
use mlx_rs::{Array, error::Exception};

use crate::{
    Encoder, Failure,
    input::{Input, record},
    layers::{Linear, Mask, Norm, attention},
    post_norm::{Embeddings, Layer, PostNorm},
    weights::Loader,
};

/// Encoder and decoder, without a head.
pub(crate) struct Bart {
    encoder: PostNorm,
    embeddings: Embeddings,
    layers: Vec<(Layer, Cross)>,
    heads: usize,
    activation: Activation,
    start: u32,
}

impl Bart {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config) -> Result<Self, Failure> {
        let Config { encoder, decoder, cross, start } = config;
        let encoder = PostNorm::load(loader, encoder)?;
        let words = encoder.embeddings.words.clone();
        let layers = decoder.weights.iter().zip(cross).map(|(names, cross)| {
            let cross = Cross::load(loader, cross, decoder.hidden_size, decoder.epsilon)?;
            Ok((Layer::load(loader, decoder, names)?, cross))
        });
        Ok(Self {
            encoder,
            embeddings: Embeddings::with_words(loader, decoder, words)?,
            layers: layers.collect::<Result<_, Failure>>()?,
            heads: decoder.heads,
            activation: decoder.activation,
            start: *start,
        })
    }
}

impl Encoder for Bart {
    fn forward(&self, input: &Input, mut trace: Option<&mut Trace>) -> Result<Array, Exception> {
        let encoded = self.encoder.forward(input, trace.as_deref_mut())?;
        let ids = shifted(self.start, input.padded.ids.chunks_exact(input.padded.length));
        let ids = Array::from_slice(&ids, input.ids.shape());
        let mut x = self.embeddings.forward(&ids, input)?;
        record(&mut trace, "decoder.embeddings", &x, input)?;
        for (index, (layer, others)) in self.layers.iter().enumerate() {
            // Padding lies behind all real tokens, which therefore do not see it.
            x = layer.attend(&x, self.heads, Some(Mask::Causal))?;
            x = others.attend(&x, &encoded, self.heads, input.bias.as_ref())?;
            x = layer.feed_forward(&x, self.activation)?;
            record(&mut trace, &format!("decoder.layer.{index}"), &x, input)?;
        }
        Ok(x)
    }
}

/// Attention to the encoder's states.
struct Cross {
    query: Linear,
    key_value: Linear,
    output: Linear,
    norm: Norm,
}

impl Cross {
    fn load(loader: &Loader<'_>, names: &CrossNames, hidden: usize, epsilon: f32) -> Result<Self, Failure> {
        Ok(Self {
            query: loader.linear(&names.query, hidden, hidden)?,
            key_value: loader.stacked(&names.key_value, hidden, hidden)?,
            output: loader.linear(&names.output, hidden, hidden)?,
            norm: loader.norm(&names.norm, hidden, epsilon)?,
        })
    }

    fn attend(
        &self,
        x: &Array,
        encoded: &Array,
        heads: usize,
        padding: Option<&Array>,
    ) -> Result<Array, Exception> {
        let others = self.key_value.forward(encoded)?.split_equal(2, -1)?;
        let query = self.query.forward(x)?;
        let context = attention(&query, &others[0], &others[1], heads, padding.map(Mask::Array))?;
        self.norm.forward(&self.output.forward(&context)?.add(x)?)
    }
}
