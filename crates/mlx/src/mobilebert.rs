//! MobileBERT's encoder as an MLX graph, padded to the longest row of a batch.

use gatecheck_backend::Trace;
use gatecheck_model::load::mobilebert::{Embeddings, Layer, MobileBert, Projections};
use mlx_rs::{Array, error::Exception, ops};

use crate::{
    attention::{Mask, attention},
    dense,
    input::{Input, trace_stage},
    parts::Mlx,
};

/// Token states of the last layer.
pub(crate) fn forward(
    encoder: &MobileBert<Mlx>,
    input: &Input,
    mut trace: Option<&mut Trace>,
) -> Result<Array, Exception> {
    let heads = (encoder.heads, encoder.scale);
    let mut x = embed(&encoder.embeddings, input)?;
    trace_stage(&mut trace, "embeddings", &x, input)?;
    for (index, layer) in encoder.layers.iter().enumerate() {
        x = layer_forward(layer, &x, heads, input.bias.as_ref())?;
        trace_stage(&mut trace, &format!("layer.{index}"), &x, input)?;
    }
    Ok(x)
}

fn layer_forward(
    layer: &Layer<Mlx>,
    x: &Array,
    heads: (usize, f32),
    bias: Option<&Array>,
) -> Result<Array, Exception> {
    let narrow = layer.narrow.as_ref().map(|narrow| dense::forward(narrow, x)).transpose()?;
    let mut y = narrow.unwrap_or_else(|| x.clone());
    let mut parts = match &layer.projections {
        Projections::Packed { linear, narrow } => {
            linear.forward(if *narrow { &y } else { x })?.split_equal(3, -1)?
        }
        Projections::Shared { narrow, query_key, .. } => {
            query_key.forward(&dense::forward(narrow, x)?)?.split_equal(2, -1)?
        }
    };
    if let Projections::Shared { value, .. } = &layer.projections {
        parts.push(value.forward(x)?);
    }
    let context = attention(&parts[0], &parts[1], &parts[2], heads, bias.map(Mask::Array))?;
    y = dense::add(&layer.attention_output, &context, &y)?;
    for [first, second] in &layer.feed_forward {
        y = dense::add(second, &dense::forward(first, &y)?, &y)?;
    }
    layer.wide.as_ref().map_or(Ok(y.clone()), |wide| dense::add(wide, &y, x))
}

/// The first states.
fn embed(embeddings: &Embeddings<Mlx>, input: &Input) -> Result<Array, Exception> {
    let mut words = embeddings.words.take_axis(&input.ids, 0)?;
    if embeddings.trigrams {
        words = beside_neighbours(&words, input)?;
    }
    if let Some(linear) = &embeddings.transformation {
        words = linear.forward(&words)?;
    }
    let places: Vec<i32> = (0..input.padded.length as i32).collect();
    let places = embeddings.positions.take_axis(Array::from_slice(&places, &[places.len() as i32]), 0)?;
    let types = embeddings.types.take_axis(&input.type_ids, 0)?;
    embeddings.norm.forward(&words.add(places)?.add(types)?)
}

/// For each token the vectors of the next one, its own and that of the one before; zeros beyond the ends
/// of its row, padded or not.
fn beside_neighbours(words: &Array, input: &Input) -> Result<Array, Exception> {
    let (rows, length) = (words.shape()[0], words.shape()[1]);
    let mut words = words.clone();
    if input.bias.is_some() {
        let real = Array::from_slice(&input.by_token(|_| 1.0, 0.0), &[rows, length, 1]);
        words = words.multiply(real.as_dtype(words.dtype())?)?;
    }
    let around = ops::pad(&words, &[(0, 0), (1, 1), (0, 0)], None, None)?;
    let from = |first: i32| {
        let places: Vec<i32> = (first..first + length).collect();
        around.take_axis(Array::from_slice(&places, &[length]), 1)
    };
    ops::concatenate(&[from(2)?, words, from(0)?], -1)
}
