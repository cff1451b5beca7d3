//! The post-norm encoder on candle tensors, ragged: activations are `[real tokens, width]`.

use candle_core::{Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    batch::Batch,
    load::post_norm::{Layer, PostNorm},
};

use crate::{
    attention::{Attention, Change},
    embeddings,
    parts::Candle,
    trace_stage,
    work::Recorder,
};

/// Token states of the last layer.
pub(crate) fn forward(
    encoder: &PostNorm<Candle>,
    batch: &Batch,
    recorder: &Recorder,
    mut trace: Option<&mut Trace>,
) -> Result<Tensor> {
    let rows: Vec<_> = batch.ranges().collect();
    let change = encoder.relative.as_ref().map(|bias| bias as &dyn Change);
    let attention = Attention { rows: &rows, heads: encoder.heads, scale: encoder.scale, change, recorder };
    let mut x = embeddings::forward(&encoder.embeddings, batch)?;
    trace_stage(&mut trace, "embeddings", &x)?;
    for (index, weights) in encoder.layers.iter().enumerate() {
        for one in weights {
            let layer = &encoder.weights[*one];
            x = feed_forward(layer, &attend(layer, &x, &attention)?, encoder.activation)?;
        }
        trace_stage(&mut trace, &format!("layer.{index}"), &x)?;
    }
    Ok(x)
}

/// The first half of a layer.
pub(crate) fn attend(layer: &Layer<Candle>, x: &Tensor, attention: &Attention<'_>) -> Result<Tensor> {
    let context = layer.query_key_value.forward(x)?.apply_op1_no_bwd(attention)?;
    layer.attention_output.add_norm(&context, Some(x), Some(&layer.attention_norm))
}

/// The second half of a layer.
pub(crate) fn feed_forward(layer: &Layer<Candle>, x: &Tensor, activation: Activation) -> Result<Tensor> {
    let wide = layer.intermediate.activate(x, activation)?;
    layer.output.add_norm(&wide, Some(x), Some(&layer.output_norm))
}
