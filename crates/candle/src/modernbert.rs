//! ModernBERT's encoder on candle tensors, ragged: activations are `[real tokens, width]`.

use candle_core::{Device, Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    batch::Batch,
    load::modernbert::{Layer, ModernBert},
};
use rayon::prelude::*;

use crate::{
    attention::{Attention, Change},
    elementwise::gate,
    linear::with_slices,
    parts::Candle,
    product::Rotation,
    trace_stage,
    work::Recorder,
};

/// Token states of the last layer, normed.
pub(crate) fn forward(
    encoder: &ModernBert<Candle>,
    batch: &Batch,
    recorder: &Recorder,
    mut trace: Option<&mut Trace>,
) -> Result<Tensor> {
    let rows: Vec<_> = batch.ranges().collect();
    let positions: Vec<usize> = rows.iter().flat_map(|row| 0..row.len()).collect();
    let angles: Vec<_> = encoder.ropes.iter().map(|rope| rope.up_to(batch.longest())).collect();
    let ids = Tensor::new(batch.ids.as_slice(), &Device::Cpu)?;
    let mut x = encoder.embedding_norm.forward(&encoder.words.index_select(&ids, 0)?)?;
    trace_stage(&mut trace, "embeddings", &x)?;
    for (index, layer) in encoder.layers.iter().enumerate() {
        let window = layer.window.map(|window| &encoder.windows[window]);
        let window = window.filter(|window| batch.longest() > window.reach + 1);
        let change = window.map(|window| window as &dyn Change);
        let attention =
            Attention { rows: &rows, heads: encoder.heads, scale: encoder.scale, change, recorder };
        let angles = &angles[layer.rope];
        let rotation = Rotation { angles, size: encoder.head_size, positions: &positions };
        x = layer_forward(layer, &x, &attention, &rotation, encoder.activation)?;
        trace_stage(&mut trace, &format!("layer.{index}"), &x)?;
    }
    let x = encoder.final_norm.forward(&x)?;
    trace_stage(&mut trace, "final", &x)?;
    Ok(x)
}

fn layer_forward(
    layer: &Layer<Candle>,
    x: &Tensor,
    attention: &Attention<'_>,
    rotation: &Rotation<'_>,
    activation: Activation,
) -> Result<Tensor> {
    let normed = layer.attention_norm.as_ref().map(|norm| norm.forward(x)).transpose()?;
    let packed = layer.query_key_value.rope(normed.as_ref().unwrap_or(x), rotation)?;
    let context = packed.apply_op1_no_bwd(attention)?;
    let x = layer.attention_output.add_norm(&context, Some(x), None)?;
    let wide = layer.gated.forward(&layer.feed_forward_norm.forward(&x)?)?;
    layer.output.add_norm(&gated(&wide, activation)?, Some(&x), None)
}

/// The first half of each row, activated, times the second.
fn gated(x: &Tensor, activation: Activation) -> Result<Tensor> {
    let (tokens, width) = (x.dim(0)?, x.dim(1)? / 2);
    let values = with_slices(&[x], |slices| {
        let mut values = vec![0.0; tokens * width];
        let parts = values.par_chunks_mut(16 * width).zip(slices[0].par_chunks(32 * width));
        parts.for_each(|(part, rows)| gate(rows, activation, part, width));
        values
    })?;
    Tensor::from_vec(values, (tokens, width), &Device::Cpu)
}
