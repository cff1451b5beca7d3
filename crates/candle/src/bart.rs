//! An encoder with a decoder behind it, on candle tensors.

use std::ops::Range;

use candle_core::{Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    bart::{Bart as Config, CrossNames, shifted},
    batch::Batch,
};

use crate::{
    Encoder, Failure,
    attention::{Attention, Change, Place, usual_scale},
    embeddings::Embeddings,
    linear::{Linear, Norm},
    post_norm::{Layer, PostNorm},
    record,
    weights::Loader,
    work::Recorder,
};

/// Encoder and decoder, without a head.
pub(crate) struct Bart {
    encoder: PostNorm,
    embeddings: Embeddings,
    layers: Vec<(Layer, Cross)>,
    heads: usize,
    scale: f32,
    activation: Activation,
    start: u32,
}

impl Bart {
    pub(crate) fn load(
        loader: &Loader<'_>,
        config: &Config,
        positions: usize,
    ) -> std::result::Result<Self, Failure> {
        let Config { encoder, decoder, cross, start } = config;
        let encoder = PostNorm::load(loader, encoder, positions)?;
        let words = encoder.embeddings.words.clone();
        let layers = decoder.weights.iter().zip(cross).map(|(names, cross)| {
            let cross = Cross::load(loader, cross, decoder.hidden_size, decoder.epsilon)?;
            Ok((Layer::load(loader, decoder, names)?, cross))
        });
        Ok(Self {
            encoder,
            embeddings: Embeddings::with_words(loader, decoder, words)?,
            layers: layers.collect::<std::result::Result<_, Failure>>()?,
            heads: decoder.heads,
            scale: usual_scale(decoder.hidden_size, decoder.heads),
            activation: decoder.activation,
            start: *start,
        })
    }
}

impl Encoder for Bart {
    fn forward(&self, batch: &Batch, recorder: &Recorder, mut trace: Option<&mut Trace>) -> Result<Tensor> {
        let encoded = self.encoder.forward(batch, recorder, trace.as_deref_mut())?;
        let rows: Vec<_> = batch.ranges().collect();
        let ids = shifted(self.start, rows.iter().map(|row| &batch.ids[row.clone()]));
        let mut x = self.embeddings.forward(&Batch { ids, ..batch.clone() })?;
        record(&mut trace, "decoder.embeddings", &x)?;
        let causal = Attention {
            rows: &rows,
            heads: self.heads,
            scale: self.scale,
            change: Some(&NoneAfter),
            recorder,
        };
        let cross = Attention { change: None, ..causal };
        for (index, (layer, others)) in self.layers.iter().enumerate() {
            x = layer.attend(&x, &causal)?;
            x = others.attend(&x, &encoded, &cross)?;
            x = layer.feed_forward(&x, self.activation)?;
            record(&mut trace, &format!("decoder.layer.{index}"), &x)?;
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
    fn load(
        loader: &Loader<'_>,
        names: &CrossNames,
        hidden: usize,
        epsilon: f32,
    ) -> std::result::Result<Self, Failure> {
        Ok(Self {
            query: loader.linear(&names.query, hidden, hidden)?,
            key_value: loader.stacked(&names.key_value, hidden, hidden)?,
            output: loader.linear(&names.output, hidden, hidden)?,
            norm: loader.norm(&names.norm, hidden, epsilon)?,
        })
    }

    fn attend(&self, x: &Tensor, encoded: &Tensor, attention: &Attention<'_>) -> Result<Tensor> {
        let others = self.key_value.forward(encoded)?;
        let context = self.query.forward(x)?.apply_op2_no_bwd(&others, attention)?;
        self.output.add_norm(&context, x, &self.norm)
    }
}

/// Leaves a token itself and those before it.
struct NoneAfter;

impl Change for NoneAfter {
    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        for (query, scores) in place.queries.clone().zip(scores.chunks_exact_mut(place.stride)) {
            scores[query + 1..place.seen.end].fill(-1e9);
        }
    }

    fn seen(&self, queries: &Range<usize>, _length: usize) -> Range<usize> {
        0..queries.end
    }
}
