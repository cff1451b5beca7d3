//! ModernBERT's encoder as an MLX graph, padded to the longest row of a batch.

use gatecheck_backend::Trace;
use gatecheck_model::load::modernbert::{Layer, ModernBert};
use mlx_rs::{Array, error::Exception, fast};

use crate::{
    attention::per_head,
    elementwise::activate,
    input::{Input, trace_stage},
    parts::Mlx,
    window::Sight,
};

/// Token states of the last layer, normed.
pub(crate) fn forward(
    encoder: &ModernBert<Mlx>,
    input: &Input,
    mut trace: Option<&mut Trace>,
) -> Result<Array, Exception> {
    let everywhere = Sight::Whole(input.bias.clone());
    let nearby = encoder.windows.iter().map(|window| window.of(input));
    let nearby = nearby.collect::<Result<Vec<_>, _>>()?;
    let mut x = encoder.embedding_norm.forward(&encoder.words.take_axis(&input.ids, 0)?)?;
    trace_stage(&mut trace, "embeddings", &x, input)?;
    for (index, layer) in encoder.layers.iter().enumerate() {
        let sight = layer.window.map_or(&everywhere, |window| &nearby[window]);
        x = layer_forward(encoder, layer, &x, sight)?;
        trace_stage(&mut trace, &format!("layer.{index}"), &x, input)?;
    }
    let x = encoder.final_norm.forward(&x)?;
    trace_stage(&mut trace, "final", &x, input)?;
    Ok(x)
}

fn layer_forward(
    encoder: &ModernBert<Mlx>,
    layer: &Layer<Mlx>,
    x: &Array,
    sight: &Sight,
) -> Result<Array, Exception> {
    let context = match &layer.attention_norm {
        Some(norm) => attend(encoder, layer, &norm.forward(x)?, sight)?,
        None => attend(encoder, layer, x, sight)?,
    };
    let x = layer.attention_output.forward(&context)?.add(x)?;
    let halves = layer.gated.forward(&layer.feed_forward_norm.forward(&x)?)?.split_equal(2, -1)?;
    layer.output.forward(&activate(&halves[0], encoder.activation)?.multiply(&halves[1])?)?.add(&x)
}

fn attend(
    encoder: &ModernBert<Mlx>,
    layer: &Layer<Mlx>,
    x: &Array,
    sight: &Sight,
) -> Result<Array, Exception> {
    let (heads, size) = (encoder.heads, encoder.head_size as i32);
    let packed = layer.query_key_value.forward(x)?;
    let parts = packed.split_at_indices(&[packed.shape()[2] / 3 * 2], -1)?;
    // Queries and keys get their rotary positions together, as if they were twice as many heads.
    let rotated = per_head(&parts[0], 2 * heads)?;
    let rotated = fast::rope(rotated, size, false, None, 1.0, 0, &encoder.ropes[layer.rope])?;
    let mut rotated = rotated.split_equal(2, 1)?;
    let (key, query) = (rotated.swap_remove(1), rotated.swap_remove(0));
    sight.attend(&[query, key, per_head(&parts[1], heads)?], encoder.scale)
}
