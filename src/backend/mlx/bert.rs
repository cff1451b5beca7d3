//! BERT as an MLX graph, padded to the longest row of a batch.
//!
//! The graph is that of `modeling_bert.py` in transformers
//! (<https://github.com/huggingface/transformers/blob/main/src/transformers/models/bert/modeling_bert.py>).

use mlx_rs::{Array, Dtype, error::Exception};

use super::{
    Input,
    layers::{Linear, Norm, activate, attention},
    weights::Loader,
};
use crate::{
    backend::{BackendError, Trace},
    model::{activation::Activation, bert::BertConfig},
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
    fn load(loader: &Loader<'_>, config: &BertConfig, path: &str) -> Result<Self, BackendError> {
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
        x: &Array,
        bias: Option<&Array>,
        heads: usize,
        activation: Activation,
    ) -> Result<Array, Exception> {
        let context = attention(&self.query_key_value.forward(x)?, heads, bias)?;
        let x = self.attention_norm.forward(&self.attention_output.forward(&context)?.add(x)?)?;
        let wide = activate(&self.intermediate.forward(&x)?, activation)?;
        self.output_norm.forward(&self.output.forward(&wide)?.add(&x)?)
    }
}

/// The encoder, without a head.
pub(super) struct Bert {
    words: Array,
    positions: Array,
    types: Array,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    activation: Activation,
}

impl Bert {
    pub(super) fn load(loader: &Loader<'_>, config: &BertConfig) -> Result<Self, BackendError> {
        let hidden = config.hidden_size;
        let table =
            |name: &str, rows| loader.table(&format!("bert.embeddings.{name}_embeddings"), rows, hidden);
        let layer = |index| Layer::load(loader, config, &format!("bert.encoder.layer.{index}"));
        Ok(Self {
            words: table("word", config.vocab_size)?,
            positions: table("position", config.max_position_embeddings)?,
            types: table("token_type", config.type_vocab_size)?,
            norm: loader.norm("bert.embeddings.LayerNorm", hidden, config.layer_norm_eps)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
        })
    }

    /// Token states `[rows, length, hidden]` of the last layer.
    pub(super) fn forward(&self, input: &Input, mut trace: Option<&mut Trace>) -> Result<Array, Exception> {
        let positions: Vec<u32> = (0..input.padded.length as u32).collect();
        let positions = Array::from_slice(&positions, &[input.padded.length as i32]);
        let words = self.words.take_axis(&input.ids, 0)?;
        let sum = words.add(self.types.take_axis(&input.type_ids, 0)?)?;
        let mut x = self.norm.forward(&sum.add(self.positions.take_axis(&positions, 0)?)?)?;
        record(&mut trace, "embeddings", &x, input)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, input.bias.as_ref(), self.heads, self.activation)?;
            record(&mut trace, &format!("layer.{index}"), &x, input)?;
        }
        Ok(x)
    }
}

/// Keeps the states of the real tokens.
fn record(trace: &mut Option<&mut Trace>, stage: &str, x: &Array, input: &Input) -> Result<(), Exception> {
    if let Some(trace) = trace {
        let row = input.padded.length * x.shape()[2] as usize;
        let states = x.as_dtype(Dtype::Float32)?.reshape(&[-1])?;
        states.eval()?;
        let kept =
            states.as_slice::<f32>().chunks_exact(row).zip(&input.lengths).flat_map(|(states, length)| {
                states[..*length as usize * x.shape()[2] as usize].iter().copied()
            });
        trace.stages.push((stage.to_owned(), kept.collect()));
    }
    Ok(())
}
