//! An encoder with a decoder behind it, as an MLX graph.

use gatecheck_backend::Trace;
use gatecheck_model::{
    blueprint::bart::shifted,
    load::bart::{Bart, Cross},
};
use mlx_rs::{Array, error::Exception};

use crate::{
    attention::{Mask, attention},
    embeddings,
    input::{Input, trace_stage},
    parts::Mlx,
    post_norm::{self, attend, feed_forward},
};

/// Token states of the decoder's last layer.
pub(crate) fn forward(
    bart: &Bart<Mlx>,
    input: &Input,
    mut trace: Option<&mut Trace>,
) -> Result<Array, Exception> {
    let encoded = post_norm::forward(&bart.encoder, input, trace.as_deref_mut())?;
    let ids = shifted(bart.start, input.padded.ids.chunks_exact(input.padded.length));
    let ids = Array::from_slice(&ids, input.ids.shape());
    let heads = (bart.heads, bart.scale);
    let mut x = embeddings::forward(&bart.embeddings, &ids, input)?;
    trace_stage(&mut trace, "decoder.embeddings", &x, input)?;
    for (index, (layer, others)) in bart.layers.iter().enumerate() {
        // Padding lies behind all real tokens, which therefore do not see it.
        x = attend(layer, &x, heads, Some(Mask::Causal))?;
        x = attend_across(others, &x, &encoded, heads, input.bias.as_ref())?;
        x = feed_forward(layer, &x, bart.activation)?;
        trace_stage(&mut trace, &format!("decoder.layer.{index}"), &x, input)?;
    }
    Ok(x)
}

/// Attention to the encoder's states.
fn attend_across(
    cross: &Cross<Mlx>,
    x: &Array,
    encoded: &Array,
    heads: (usize, f32),
    padding: Option<&Array>,
) -> Result<Array, Exception> {
    let others = cross.key_value.forward(encoded)?.split_equal(2, -1)?;
    let query = cross.query.forward(x)?;
    let context = attention(&query, &others[0], &others[1], heads, padding.map(Mask::Array))?;
    cross.norm.forward(&cross.output.forward(&context)?.add(x)?)
}
