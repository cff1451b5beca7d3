//! Whether the weights of a candidate are those of its original, as far as their bits allow.

use rayon::prelude::*;

use crate::{
    checkpoint::{Checkpoint, PackedMatrix, Stored},
    quant::{Bound, Float, dequantize_groups},
    weights::{TensorView, WeightError},
};

/// Largest share of a tensor's weights that may be further from the original than rounding to the nearest code makes them.
/// Tools round to other types on the way, and some weights fall between.
const TOLERATED: f64 = 0.01;
/// Weights that one thread compares at a time: a multiple of every group size.
const TASK: usize = 1 << 13;

/// A tensor whose weights are not those of the original.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// Its canonical name.
    pub tensor: String,
    /// Share of its weights that are further away than their bits allow.
    pub share: f64,
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` ({:.0} %)", self.tensor, 100.0 * self.share)
    }
}

/// Tensors that deviate, the worst first, and how many were compared: all that both have.
pub(super) fn compare(
    candidate: &Checkpoint,
    source: &Checkpoint,
) -> Result<(Vec<Deviation>, usize), WeightError> {
    let (mut deviations, mut of) = (Vec::new(), 0);
    for (name, exact) in source.stored_tensors() {
        let (Some(found), Stored::Plain(exact)) = (candidate.stored_tensor(&name, exact.columns())?, exact)
        else {
            continue;
        };
        of += 1;
        // What no graph uses is not held to its shape by loading.
        let share = if found.elements() == exact.elements() { share(&exact, &found)? } else { 1.0 };
        if share > TOLERATED {
            deviations.push(Deviation { tensor: name, share });
        }
    }
    deviations
        .sort_by(|one, other| other.share.total_cmp(&one.share).then_with(|| one.tensor.cmp(&other.tensor)));
    Ok((deviations, of))
}

/// Share of the weights that are too far away.
fn share(exact: &TensorView<'_>, found: &Stored<'_>) -> Result<f64, WeightError> {
    let elements = exact.elements();
    let from = float(exact)?;
    let width = from.bytes();
    let outside = |at: usize, bytes: &[u8]| {
        let mut buffers = [[0.0; TASK]; 2];
        let [weights, decoded] = &mut buffers;
        let count = bytes.len() / width;
        let (weights, decoded) = (&mut weights[..count], &mut decoded[..count]);
        from.read(bytes, weights);
        match found {
            Stored::Plain(view) => plain(view, at, weights, decoded),
            Stored::Packed(packed) => Ok(unpacked(packed, at, weights, decoded)),
        }
    };
    let counts =
        exact.bytes.par_chunks(TASK * width).enumerate().map(|(at, bytes)| outside(at * TASK, bytes));
    let count: usize = counts.collect::<Result<Vec<_>, _>>()?.into_iter().sum();
    Ok(count as f64 / elements.max(1) as f64)
}

fn float(view: &TensorView<'_>) -> Result<Float, WeightError> {
    Float::of(view.dtype).ok_or_else(|| WeightError::ElementType {
        name: view.name.to_owned(),
        found: format!("{:?}", view.dtype),
        expected: "F32, F16 and BF16",
    })
}

/// Floats may be those of the original rounded to any type of 16 bits.
fn plain(view: &TensorView<'_>, at: usize, weights: &[f32], found: &mut [f32]) -> Result<usize, WeightError> {
    let float = float(view)?;
    let width = float.bytes();
    let Some(bytes) = view.bytes.get(at * width..(at + weights.len()) * width) else {
        return Ok(weights.len());
    };
    float.read(bytes, found);
    // Half of the last place of bfloat16, and of the smallest numbers of float16.
    let is_near = |exact: f32, found: f32| (exact - found).abs() <= exact.abs() * 0.00391 + 3e-8;
    Ok(weights.iter().zip(found).filter(|(exact, found)| !is_near(**exact, **found)).count())
}

fn unpacked(packed: &PackedMatrix<'_>, at: usize, weights: &[f32], decoded: &mut [f32]) -> usize {
    let (scheme, size) = (packed.scheme, packed.scheme.group_size() as usize);
    let dtype = Float::of(packed.scales.dtype).unwrap_or(Float::Float16);
    let (first, groups) = (at / size, weights.len() / size);
    let part = |bytes: usize| first * bytes..(first + groups) * bytes;
    let (codes, scale) = (size * scheme.bits() as usize / 8, scheme.scale_bytes(dtype));
    let words = &packed.words.bytes[part(codes)];
    let scales = &packed.scales.bytes[part(scale)];
    let biases = packed.biases.as_ref().map_or(&[][..], |view| &view.bytes[part(scale)]);
    dequantize_groups(scheme, [words, scales, biases], dtype, Float::Float32, decoded);
    let pairs = weights.chunks(size).zip(decoded.chunks(size)).enumerate();
    let outside = pairs.map(|(group, (exact, decoded))| {
        let bound = Bound::of_group(scheme, dtype, scales, biases, group);
        exact.iter().zip(decoded).filter(|(exact, decoded)| !bound.is_nearest(**exact, **decoded)).count()
    });
    outside.sum()
}
