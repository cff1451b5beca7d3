//! The post-norm encoder on candle tensors, ragged: activations are `[real tokens, width]`.

use candle_core::{Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    batch::Batch,
    post_norm::{LayerNames, PostNorm as Config, RelativeBias},
};

use crate::{
    Encoder, Failure,
    attention::{Attention, Change, Place, usual_scale},
    embeddings::Embeddings,
    linear::{Linear, Norm},
    record,
    weights::Loader,
    work::Recorder,
};

/// A layer: self-attention, then a feed-forward half.
pub(crate) struct Layer {
    pub(crate) query_key_value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

impl Layer {
    pub(crate) fn load(
        loader: &Loader<'_>,
        config: &Config,
        names: &LayerNames,
    ) -> std::result::Result<Self, Failure> {
        let (hidden, wide, epsilon) = (config.hidden_size, config.intermediate_size, config.epsilon);
        Ok(Self {
            query_key_value: loader.stacked(&names.query_key_value, hidden, hidden)?,
            attention_output: loader.linear(&names.attention_output, hidden, hidden)?,
            attention_norm: loader.norm(&names.attention_norm, hidden, epsilon)?,
            intermediate: loader.linear(&names.intermediate, wide, hidden)?,
            output: loader.linear(&names.output, hidden, wide)?,
            output_norm: loader.norm(&names.output_norm, hidden, epsilon)?,
        })
    }

    pub(crate) fn attend(&self, x: &Tensor, attention: &Attention<'_>) -> Result<Tensor> {
        let context = self.query_key_value.forward(x)?.apply_op1_no_bwd(attention)?;
        self.attention_output.add_norm(&context, x, &self.attention_norm)
    }

    pub(crate) fn feed_forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let wide = self.intermediate.activate(x, activation)?;
        self.output.add_norm(&wide, x, &self.output_norm)
    }
}

/// The encoder, without a head.
pub(crate) struct PostNorm {
    pub(crate) embeddings: Embeddings,
    pub(crate) weights: Vec<Layer>,
    layers: Vec<Vec<usize>>,
    pub(crate) heads: usize,
    scale: f32,
    pub(crate) activation: Activation,
    relative: Option<ByDistance>,
}

impl PostNorm {
    pub(crate) fn load(
        loader: &Loader<'_>,
        config: &Config,
        positions: usize,
    ) -> std::result::Result<Self, Failure> {
        let weights = config.weights.iter().map(|names| Layer::load(loader, config, names));
        let relative = config.relative.as_ref();
        Ok(Self {
            embeddings: Embeddings::load(loader, config)?,
            weights: weights.collect::<std::result::Result<_, _>>()?,
            layers: config.layers.clone(),
            heads: config.heads,
            scale: usual_scale(config.hidden_size, config.heads),
            activation: config.activation,
            relative: relative
                .map(|bias| ByDistance::load(loader, bias, config.heads, positions))
                .transpose()?,
        })
    }
}

impl Encoder for PostNorm {
    fn forward(&self, batch: &Batch, recorder: &Recorder, mut trace: Option<&mut Trace>) -> Result<Tensor> {
        let rows: Vec<_> = batch.ranges().collect();
        let change = self.relative.as_ref().map(|bias| bias as &dyn Change);
        let attention = Attention { rows: &rows, heads: self.heads, scale: self.scale, change, recorder };
        let mut x = self.embeddings.forward(batch)?;
        record(&mut trace, "embeddings", &x)?;
        for (index, weights) in self.layers.iter().enumerate() {
            for one in weights {
                let layer = &self.weights[*one];
                x = layer.feed_forward(&layer.attend(&x, &attention)?, self.activation)?;
            }
            record(&mut trace, &format!("layer.{index}"), &x)?;
        }
        Ok(x)
    }
}

/// Biases of the scores by head and distance.
struct ByDistance {
    /// For each head, from `1 - longest` to `longest - 1`.
    biases: Vec<Vec<f32>>,
    longest: usize,
}

impl ByDistance {
    fn load(
        loader: &Loader<'_>,
        bias: &RelativeBias,
        heads: usize,
        longest: usize,
    ) -> std::result::Result<Self, Failure> {
        let table: Vec<Vec<f32>> = loader.matrix(&bias.module, bias.rows, heads)?.to_vec2()?;
        let buckets = bias.by_distance(longest);
        let of_head = |head: usize| buckets.iter().map(|bucket| table[*bucket][head]).collect();
        Ok(Self { biases: (0..heads).map(of_head).collect(), longest })
    }
}

impl Change for ByDistance {
    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        for (query, scores) in place.queries.clone().zip(scores.chunks_exact_mut(place.stride)) {
            let biases = &self.biases[place.head][self.longest - 1 - query..][..place.keys];
            for (score, bias) in scores.iter_mut().zip(biases) {
                *score += bias;
            }
        }
    }
}
