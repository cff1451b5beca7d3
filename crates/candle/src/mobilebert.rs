//! MobileBERT's encoder on candle tensors, ragged: activations are `[real tokens, width]`.

use candle_core::{Device, Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    batch::Batch,
    load::mobilebert::{Embeddings, Layer, MobileBert, Projections},
};
use rayon::prelude::*;

use crate::{attention::Attention, dense, linear::with_slices, parts::Candle, trace_stage, work::Recorder};

/// Token states of the last layer.
pub(crate) fn forward(
    encoder: &MobileBert<Candle>,
    batch: &Batch,
    recorder: &Recorder,
    mut trace: Option<&mut Trace>,
) -> Result<Tensor> {
    let rows: Vec<_> = batch.ranges().collect();
    let attention =
        Attention { rows: &rows, heads: encoder.heads, scale: encoder.scale, change: None, recorder };
    let mut x = embed(&encoder.embeddings, batch)?;
    trace_stage(&mut trace, "embeddings", &x)?;
    for (index, layer) in encoder.layers.iter().enumerate() {
        x = layer_forward(layer, &x, &attention)?;
        trace_stage(&mut trace, &format!("layer.{index}"), &x)?;
    }
    Ok(x)
}

fn layer_forward(layer: &Layer<Candle>, x: &Tensor, attention: &Attention<'_>) -> Result<Tensor> {
    let narrow = layer.narrow.as_ref().map(|narrow| dense::forward(narrow, x)).transpose()?;
    let mut y = narrow.unwrap_or_else(|| x.clone());
    let context = match &layer.projections {
        Projections::Packed { linear, narrow } => {
            linear.forward(if *narrow { &y } else { x })?.apply_op1_no_bwd(attention)?
        }
        Projections::Shared { narrow, query_key, value } => {
            let packed = query_key.forward(&dense::forward(narrow, x)?)?;
            packed.apply_op2_no_bwd(&value.forward(x)?, attention)?
        }
    };
    y = dense::add(&layer.attention_output, &context, &y)?;
    for [first, second] in &layer.feed_forward {
        y = dense::add(second, &dense::forward(first, &y)?, &y)?;
    }
    layer.wide.as_ref().map_or(Ok(y.clone()), |wide| dense::add(wide, &y, x))
}

/// The first states.
fn embed(embeddings: &Embeddings<Candle>, batch: &Batch) -> Result<Tensor> {
    let positions: Vec<u32> = batch.lengths.iter().flat_map(|length| 0..*length).collect();
    let rows = |table: &Tensor, ids: &[u32]| table.index_select(&Tensor::new(ids, &Device::Cpu)?, 0);
    let places = (rows(&embeddings.positions, &positions)? + rows(&embeddings.types, &batch.type_ids)?)?;
    let words = if embeddings.trigrams {
        trigrams(&embeddings.words, batch)?
    } else {
        rows(&embeddings.words, &batch.ids)?
    };
    match &embeddings.transformation {
        Some(linear) => linear.add_norm(&words, Some(&places), Some(&embeddings.norm)),
        None => embeddings.norm.forward(&(words + places)?),
    }
}

/// For each token the vectors of the next one, its own and that of the one before; zeros beyond the ends.
fn trigrams(table: &Tensor, batch: &Batch) -> Result<Tensor> {
    let width = table.dim(1)?;
    let mut values = vec![0.0; batch.tokens() * 3 * width];
    let rows: Vec<_> = batch.ranges().collect();
    with_slices(&[table], |slices| {
        let word = |token: usize| &slices[0][batch.ids[token] as usize * width..][..width];
        let mut left = values.as_mut_slice();
        let mut parts = Vec::with_capacity(rows.len());
        for row in &rows {
            let (part, after) = left.split_at_mut(row.len() * 3 * width);
            parts.push((row, part));
            left = after;
        }
        parts.into_par_iter().for_each(|(row, part)| {
            for (token, vectors) in row.clone().zip(part.chunks_exact_mut(3 * width)) {
                if token + 1 < row.end {
                    vectors[..width].copy_from_slice(word(token + 1));
                }
                vectors[width..2 * width].copy_from_slice(word(token));
                if token > row.start {
                    vectors[2 * width..].copy_from_slice(word(token - 1));
                }
            }
        });
    })?;
    Tensor::from_vec(values, (batch.tokens(), 3 * width), &Device::Cpu)
}
