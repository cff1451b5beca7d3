//! DeBERTa's encoder on candle tensors: the post-norm encoder with attention to distances.

use candle_core::{Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    batch::Batch,
    load::deberta_v2::{DebertaV2, Distances, LayerDistances},
};

use crate::{
    attention::{Attention, Change},
    disentangled::Disentangled,
    embeddings,
    parts::Candle,
    post_norm::{attend, feed_forward},
    trace_stage,
    work::Recorder,
};

/// Token states of the last layer.
pub(crate) fn forward(
    encoder: &DebertaV2<Candle>,
    batch: &Batch,
    recorder: &Recorder,
    mut trace: Option<&mut Trace>,
) -> Result<Tensor> {
    let (base, scale) = (&encoder.base, encoder.scale);
    let rows: Vec<_> = batch.ranges().collect();
    let first = embeddings::forward(&base.embeddings, batch)?;
    trace_stage(&mut trace, "embeddings", &first)?;
    let mut x = first.clone();
    for (index, layer) in base.weights.iter().enumerate() {
        let distances = encoder.distances.as_ref().map(|Distances { layers, rows }| {
            let LayerDistances { keys, queries } = &layers[index];
            Disentangled { keys: keys.as_ref(), queries: queries.as_ref(), rows }
        });
        let change = distances.as_ref().map(|distances| distances as &dyn Change);
        let attention = Attention { rows: &rows, heads: base.heads, scale, change, recorder };
        x = feed_forward(layer, &attend(layer, &x, &attention)?, base.activation)?;
        if let (0, Some(convolution)) = (index, &encoder.convolution) {
            let seen = convolution.product.forward(&rows, &first, convolution.activation)?;
            x = convolution.norm.forward(&(seen + x)?)?;
        }
        trace_stage(&mut trace, &format!("layer.{index}"), &x)?;
    }
    Ok(x)
}
