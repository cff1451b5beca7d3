//! Floats to codes, scales and biases.

use gatecheck_base::simd::widest;
use rayon::prelude::*;

use super::{
    Float, MAX_GROUP, Mode, QuantError, Scheme, TASK, affine, check_length, microscaling, pack::pack,
};

/// A quantized tensor, in the bytes that its file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Codes, as little-endian 32-bit words.
    pub weight: Vec<u8>,
    /// One scale per group: in affine mode a float of the source's type, else a byte.
    pub scales: Vec<u8>,
    /// One bias per group in affine mode, in the source's type; else empty.
    pub biases: Vec<u8>,
}

/// Quantizes little-endian row-major elements whose rows split into whole groups.
pub fn quantize(scheme: Scheme, bytes: &[u8], float: Float) -> Result<Packed, QuantError> {
    let (size, width) = (scheme.group_size() as usize, float.bytes());
    let groups = bytes.len() / (size * width);
    check_length("the matrix", bytes.len(), groups * size * width)?;
    let (codes, scale) = (scheme.group_bytes(), scheme.scale_bytes(float));
    let mut weight = vec![0; groups * codes];
    let mut scales = vec![0; groups * scale];
    // Without biases every task has its share of nothing, which must not run out before the others.
    let mut biases = vec![0; if scheme.has_biases() { groups * scale } else { groups }];
    let bias = biases.len() / groups.max(1);
    bytes
        .par_chunks(TASK * size * width)
        .zip(weight.par_chunks_mut(TASK * codes))
        .zip(scales.par_chunks_mut(TASK * scale))
        .zip(biases.par_chunks_mut(TASK * bias.max(1)))
        .for_each(|(((bytes, weight), scales), biases)| {
            let mut values = [0.0; TASK * MAX_GROUP];
            let values = &mut values[..bytes.len() / width];
            float.read(bytes, values);
            quantize_groups(scheme, values, float, weight, scales, biases);
        });
    if !scheme.has_biases() {
        biases.clear();
    }
    Ok(Packed { weight, scales, biases })
}

widest! {
    /// Quantizes whole groups of values, which are those of `float` already, on this thread. The buffers hold as many
    /// groups; `biases` is left alone where the scheme has none.
    pub fn quantize_groups(
        scheme: Scheme,
        values: &[f32],
        float: Float,
        weight: &mut [u8],
        scales: &mut [u8],
        biases: &mut [u8],
    ) = any_width
}

#[inline(always)]
fn any_width(
    scheme: Scheme,
    values: &[f32],
    float: Float,
    weight: &mut [u8],
    scales: &mut [u8],
    biases: &mut [u8],
) {
    match scheme.bits() {
        2 => run::<2>(scheme, values, float, weight, scales, biases),
        3 => run::<3>(scheme, values, float, weight, scales, biases),
        4 => run::<4>(scheme, values, float, weight, scales, biases),
        5 => run::<5>(scheme, values, float, weight, scales, biases),
        6 => run::<6>(scheme, values, float, weight, scales, biases),
        _ => run::<8>(scheme, values, float, weight, scales, biases),
    }
}

/// Working memory for one group, on its own cache lines.
#[repr(align(64))]
struct Codes([u8; MAX_GROUP]);

#[inline(always)]
fn run<const BITS: usize>(
    scheme: Scheme,
    values: &[f32],
    float: Float,
    weight: &mut [u8],
    scales: &mut [u8],
    biases: &mut [u8],
) {
    let size = scheme.group_size() as usize;
    let mut codes = Codes([0; MAX_GROUP]);
    let codes = &mut codes.0[..size];
    let parts = values.chunks_exact(size).zip(weight.chunks_exact_mut(scheme.group_bytes()));
    if scheme.mode() != Mode::Affine {
        for ((values, weight), scale) in parts.zip(scales) {
            *scale = microscaling::encode(scheme.mode(), values, float, codes);
            pack::<BITS>(codes, weight);
        }
        return;
    }
    let width = float.bytes();
    let pairs = scales.chunks_exact_mut(width).zip(biases.chunks_exact_mut(width));
    for ((values, weight), (scale_bytes, bias_bytes)) in parts.zip(pairs) {
        let (scale, bias) = affine::encode::<BITS>(values, codes);
        pack::<BITS>(codes, weight);
        float.write_inline(&[scale], scale_bytes);
        float.write_inline(&[bias], bias_bytes);
    }
}
