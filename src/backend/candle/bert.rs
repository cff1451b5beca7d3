//! BERT on candle tensors, ragged: activations are `[real tokens, width]`.
//!
//! The graph is that of `modeling_bert.py` in transformers
//! (<https://github.com/huggingface/transformers/blob/main/src/transformers/models/bert/modeling_bert.py>).

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::{
    attention::Attention,
    embeddings::Embeddings,
    linear::{Linear, Norm},
    weights::Loader,
};
use crate::{
    backend::{BackendError, Trace},
    model::{activation::Activation, batch::Batch, bert::BertConfig},
};

struct Layer {
    query_key_value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

impl Layer {
    fn load(loader: &Loader<'_>, config: &BertConfig, path: &str) -> std::result::Result<Self, BackendError> {
        let (hidden, wide, epsilon) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let names = ["query", "key", "value"].map(|name| format!("{path}.attention.self.{name}"));
        Ok(Self {
            query_key_value: loader.stacked(&names, hidden, hidden)?,
            attention_output: loader.linear(&format!("{path}.attention.output.dense"), hidden, hidden)?,
            attention_norm: loader.norm(&format!("{path}.attention.output.LayerNorm"), hidden, epsilon)?,
            intermediate: loader.linear(&format!("{path}.intermediate.dense"), wide, hidden)?,
            output: loader.linear(&format!("{path}.output.dense"), hidden, wide)?,
            output_norm: loader.norm(&format!("{path}.output.LayerNorm"), hidden, epsilon)?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        rows: &[Range<usize>],
        heads: usize,
        activation: Activation,
    ) -> Result<Tensor> {
        let packed = self.query_key_value.forward(x)?;
        let context = packed.apply_op1_no_bwd(&Attention { rows, heads })?;
        let x = self.attention_output.add_norm(&context, x, &self.attention_norm)?;
        let wide = self.intermediate.activate(&x, activation)?;
        self.output.add_norm(&wide, &x, &self.output_norm)
    }
}

/// The encoder, without a head.
pub(super) struct Bert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    heads: usize,
    activation: Activation,
}

impl Bert {
    pub(super) fn load(loader: &Loader<'_>, config: &BertConfig) -> std::result::Result<Self, BackendError> {
        let layer = |index| Layer::load(loader, config, &format!("bert.encoder.layer.{index}"));
        Ok(Self {
            embeddings: Embeddings::load(loader, config)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<std::result::Result<_, _>>()?,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
        })
    }

    /// Token states `[real tokens, hidden]` of the last layer.
    pub(super) fn forward(&self, batch: &Batch, mut trace: Option<&mut Trace>) -> Result<Tensor> {
        let rows: Vec<_> = batch.ranges().collect();
        let mut x = self.embeddings.forward(batch)?;
        record(&mut trace, "embeddings", &x)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &rows, self.heads, self.activation)?;
            record(&mut trace, &format!("layer.{index}"), &x)?;
        }
        Ok(x)
    }
}

fn record(trace: &mut Option<&mut Trace>, stage: &str, x: &Tensor) -> Result<()> {
    if let Some(trace) = trace {
        trace.stages.push((stage.to_owned(), x.flatten_all()?.to_vec1()?));
    }
    Ok(())
}
