//! Reopens what was written and compares it with the source.

use std::{ops::Range, path::Path};

use super::{
    Action, ConvertError, Plan, PlannedTensor, artefact,
    source::Source,
    write::{chunks, encode, rounded, view},
};
use crate::{
    config::ModelConfig,
    quant::{Affine, Float, cast, dequantize},
    weights::{TensorView, WeightStore},
};

/// How far the written size may be from the computed one.
const SIZE_TOLERANCE: f64 = 0.01;

/// Checks the tensors, their shapes, types and bytes, what the codes decode to, `config.json` and the size.
pub(super) fn verify(
    plan: &Plan,
    source: &Source,
    folder: &Path,
    mut on_bytes: impl FnMut(u64),
) -> Result<(), ConvertError> {
    let damaged = |reason: String| ConvertError::Damaged { folder: folder.to_owned(), reason };
    ModelConfig::open(folder)?;
    let store = WeightStore::open(folder)?;
    let expected = plan.shards().iter().map(|shard| shard.outputs.len()).sum::<usize>();
    if store.iter().count() != expected {
        return Err(damaged(format!("it holds {} tensors instead of {expected}", store.iter().count())));
    }
    for tensor in &plan.tensors {
        let parts = parts(tensor, &store).map_err(damaged)?;
        let view = view(source, tensor)?;
        for chunk in chunks(&view) {
            // First, since an encoder that is wrong gives the same wrong bytes again.
            check_values(tensor, &view, &chunk, &parts, folder)?;
            check_bytes(tensor, &view, &chunk, &parts, folder)?;
        }
        on_bytes(tensor.source_bytes());
    }
    let (computed, written) = (plan.size_bytes(), artefact::size_bytes(folder)?);
    if (written as f64 - computed as f64).abs() > computed as f64 * SIZE_TOLERANCE {
        return Err(damaged(format!("it takes {written} bytes instead of the computed {computed}")));
    }
    Ok(())
}

fn parts<'a>(tensor: &PlannedTensor, store: &'a WeightStore) -> Result<Vec<TensorView<'a>>, String> {
    let found = tensor.outputs().into_iter().map(|part| {
        let view = store.find(&part.name).ok_or_else(|| format!("tensor `{}` is missing", part.name))?;
        if view.dtype != part.dtype || view.shape != part.shape {
            return Err(format!(
                "tensor `{}` is {:?} {:?} instead of {:?} {:?}",
                part.name, view.dtype, view.shape, part.dtype, part.shape
            ));
        }
        Ok(view)
    });
    found.collect()
}

/// The part of a written tensor that stands for a chunk of the source.
fn slice<'a>(part: &TensorView<'a>, view: &TensorView<'_>, chunk: &Range<usize>) -> &'a [u8] {
    let at = |element: usize| (part.bytes.len() as u128 * element as u128 / view.elements() as u128) as usize;
    &part.bytes[at(chunk.start)..at(chunk.end)]
}

/// The bytes must be those that the source gives, so that a write that went astray does not pass.
fn check_bytes(
    tensor: &PlannedTensor,
    view: &TensorView<'_>,
    chunk: &Range<usize>,
    parts: &[TensorView<'_>],
    folder: &Path,
) -> Result<(), ConvertError> {
    for (bytes, part) in encode(tensor, view, chunk)?.iter().zip(parts) {
        if slice(part, view, chunk) != bytes.as_ref() {
            let reason = format!("tensor `{}` is not what was written", part.name);
            return Err(ConvertError::Damaged { folder: folder.to_owned(), reason });
        }
    }
    Ok(())
}

/// The codes must decode to the source, whatever the encoder thinks of them.
fn check_values(
    tensor: &PlannedTensor,
    view: &TensorView<'_>,
    chunk: &Range<usize>,
    parts: &[TensorView<'_>],
    folder: &Path,
) -> Result<(), ConvertError> {
    let (Action::Quantize { affine, dtype }, [words, scales, biases]) = (tensor.action, parts) else {
        return Ok(());
    };
    let [words, scales, biases] = [words, scales, biases].map(|part| slice(part, view, chunk));
    let decoded = dequantize(affine, words, scales, biases, dtype)?;
    let exact = floats(&rounded(tensor, view, chunk), dtype);
    let bounds = floats(scales, dtype).into_iter().zip(floats(biases, dtype));
    let size = affine.group_size() as usize;
    for ((exact, decoded), (scale, bias)) in exact.chunks(size).zip(decoded.chunks(size)).zip(bounds) {
        let bound = bound(affine, scale, bias, dtype);
        let worst = exact.iter().zip(decoded).map(|(exact, decoded)| (exact - decoded).abs());
        if let Some(error) = worst.into_iter().find(|error| error.is_nan() || *error > bound) {
            let reason =
                format!("tensor `{}` decodes with an error of {error:e}, over {bound:e}", tensor.name);
            return Err(ConvertError::Damaged { folder: folder.to_owned(), reason });
        }
    }
    Ok(())
}

/// Largest error of a group. Inside the range it is half a step. At the end away from the bias it can be
/// a whole one, as MLX stretches the scale to make zero exact and then clamps. Rounding comes on top: of
/// the scale, of the product and of the sum.
fn bound(affine: Affine, scale: f32, bias: f32, dtype: Float) -> f32 {
    let unit = match dtype {
        Float::Float32 => f32::EPSILON / 2.0,
        Float::Float16 => 2.0f32.powi(-11),
        Float::Bfloat16 => 2.0f32.powi(-9),
    };
    let (step, levels) = (scale.abs(), 2.0f32.powi(affine.bits() as i32) - 1.0);
    step * 1.01 + unit * (3.0 * levels * step + 2.0 * bias.abs()) + levels * 2.0f32.powi(-24)
}

fn floats(bytes: &[u8], dtype: Float) -> Vec<f32> {
    let wide = cast(bytes, dtype, Float::Float32);
    wide.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
