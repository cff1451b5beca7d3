//! An encoder with a decoder behind it, on candle tensors.

use candle_core::{Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    batch::Batch,
    blueprint::bart::shifted,
    load::bart::{Bart, Cross},
};

use crate::{
    attention::Attention,
    embeddings,
    parts::Candle,
    post_norm::{self, attend, feed_forward},
    scores::Causal,
    trace_stage,
    work::Recorder,
};

/// Token states of the decoder's last layer.
pub(crate) fn forward(
    bart: &Bart<Candle>,
    batch: &Batch,
    recorder: &Recorder,
    mut trace: Option<&mut Trace>,
) -> Result<Tensor> {
    let encoded = post_norm::forward(&bart.encoder, batch, recorder, trace.as_deref_mut())?;
    let rows: Vec<_> = batch.ranges().collect();
    let ids = shifted(bart.start, rows.iter().map(|row| &batch.ids[row.clone()]));
    let mut x = embeddings::forward(&bart.embeddings, &Batch { ids, ..batch.clone() })?;
    trace_stage(&mut trace, "decoder.embeddings", &x)?;
    let causal =
        Attention { rows: &rows, heads: bart.heads, scale: bart.scale, change: Some(&Causal), recorder };
    let cross = Attention { change: None, ..causal };
    for (index, (layer, others)) in bart.layers.iter().enumerate() {
        x = attend(layer, &x, &causal)?;
        x = attend_across(others, &x, &encoded, &cross)?;
        x = feed_forward(layer, &x, bart.activation)?;
        trace_stage(&mut trace, &format!("decoder.layer.{index}"), &x)?;
    }
    Ok(x)
}

/// Attention to the encoder's states.
fn attend_across(
    cross: &Cross<Candle>,
    x: &Tensor,
    encoded: &Tensor,
    attention: &Attention<'_>,
) -> Result<Tensor> {
    let others = cross.key_value.forward(encoded)?;
    let context = cross.query.forward(x)?.apply_op2_no_bwd(&others, attention)?;
    cross.output.add_norm(&context, Some(x), Some(&cross.norm))
}
