//! The post-norm encoder as an MLX graph, padded to the longest row of a batch.

use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    load::post_norm::{Layer, PostNorm},
};
use mlx_rs::{Array, error::Exception};

use crate::{
    attention::{Mask, attention},
    elementwise::activate,
    embeddings,
    input::{Input, trace_stage},
    parts::Mlx,
};

/// Token states of the last layer.
pub(crate) fn forward(
    encoder: &PostNorm<Mlx>,
    input: &Input,
    mut trace: Option<&mut Trace>,
) -> Result<Array, Exception> {
    let bias = match &encoder.relative {
        Some(relative) => {
            let by_distance = relative.biases(input.padded.length)?;
            Some(input.bias.as_ref().map_or(Ok(by_distance.clone()), |bias| by_distance.add(bias))?)
        }
        None => input.bias.clone(),
    };
    let heads = (encoder.heads, encoder.scale);
    let mut x = embeddings::forward(&encoder.embeddings, &input.ids, input)?;
    trace_stage(&mut trace, "embeddings", &x, input)?;
    for (index, weights) in encoder.layers.iter().enumerate() {
        for one in weights {
            let (layer, mask) = (&encoder.weights[*one], bias.as_ref().map(Mask::Array));
            x = feed_forward(layer, &attend(layer, &x, heads, mask)?, encoder.activation)?;
        }
        trace_stage(&mut trace, &format!("layer.{index}"), &x, input)?;
    }
    Ok(x)
}

/// The first half of a layer.
pub(crate) fn attend(
    layer: &Layer<Mlx>,
    x: &Array,
    heads: (usize, f32),
    mask: Option<Mask<'_>>,
) -> Result<Array, Exception> {
    let parts = layer.query_key_value.forward(x)?.split_equal(3, -1)?;
    add_context(layer, x, &attention(&parts[0], &parts[1], &parts[2], heads, mask)?)
}

/// What attention gives, projected, added and normed.
pub(crate) fn add_context(layer: &Layer<Mlx>, x: &Array, context: &Array) -> Result<Array, Exception> {
    layer.attention_norm.forward(&layer.attention_output.forward(context)?.add(x)?)
}

/// The second half of a layer.
pub(crate) fn feed_forward(
    layer: &Layer<Mlx>,
    x: &Array,
    activation: Activation,
) -> Result<Array, Exception> {
    let wide = activate(&layer.intermediate.forward(x)?, activation)?;
    layer.output_norm.forward(&layer.output.forward(&wide)?.add(x)?)
}
