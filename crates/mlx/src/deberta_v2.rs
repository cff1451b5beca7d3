//! DeBERTa's encoder as an MLX graph: the post-norm encoder with attention to distances.

use gatecheck_backend::Trace;
use gatecheck_model::load::deberta_v2::{DebertaV2, LayerDistances};
use mlx_rs::{Array, error::Exception};

use crate::{
    attention::{Mask, attend, per_head},
    disentangled, embeddings,
    input::{Input, trace_stage},
    parts::Mlx,
    post_norm::{add_context, feed_forward},
};

/// Token states of the last layer.
pub(crate) fn forward(
    encoder: &DebertaV2<Mlx>,
    input: &Input,
    mut trace: Option<&mut Trace>,
) -> Result<Array, Exception> {
    let base = &encoder.base;
    let first = embeddings::forward(&base.embeddings, &input.ids, input)?;
    trace_stage(&mut trace, "embeddings", &first, input)?;
    let distances = encoder.distances.as_ref();
    let distances = distances.map(|all| Ok::<_, Exception>((&all.layers, all.rows.of(input.padded.length)?)));
    let distances = distances.transpose()?;
    let mut x = first.clone();
    for (index, layer) in base.weights.iter().enumerate() {
        let thirds = layer.query_key_value.forward(&x)?.split_equal(3, -1)?;
        let third = |index: usize| per_head(&thirds[index], base.heads);
        let parts = [third(0)?, third(1)?, third(2)?];
        let bias = match &distances {
            Some((layers, rows)) => {
                let LayerDistances { keys, queries } = &layers[index];
                let vectors = (keys.as_ref(), queries.as_ref());
                disentangled::bias(vectors, rows, &parts, input.bias.as_ref())?
            }
            None => input.bias.clone(),
        };
        let context = attend(&parts, encoder.scale, bias.as_ref().map(Mask::Array))?;
        x = feed_forward(layer, &add_context(layer, &x, &context)?, base.activation)?;
        if let (0, Some(convolution)) = (index, &encoder.convolution) {
            let seen = convolution.product.forward(input, &first, convolution.activation)?;
            x = convolution.norm.forward(&seen.add(x)?)?;
        }
        trace_stage(&mut trace, &format!("layer.{index}"), &x, input)?;
    }
    Ok(x)
}
