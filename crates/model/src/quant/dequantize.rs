//! Codes, scales and biases back to floats.

use gatecheck_base::simd::widest;
use rayon::prelude::*;

use super::{
    Float, MAX_GROUP, Mode, QuantError, Scheme, TASK, affine, check_length, microscaling, pack::unpack,
};

/// The values that MLX's `dequantize` gives on a CPU, widened to 32 bits.
///
/// `weight` holds little-endian words; in affine mode `scales` and `biases` hold elements of type `float`. MLX multiplies
/// and adds in that type, so the product and the sum are each rounded to it. Its GPU kernels may fuse the
/// two and differ in the last place. In the other modes `biases` is empty, a scale is a byte, and the values are exact.
pub fn dequantize(
    scheme: Scheme,
    weight: &[u8],
    scales: &[u8],
    biases: &[u8],
    float: Float,
) -> Result<Vec<f32>, QuantError> {
    let (size, codes, scale) =
        (scheme.group_size() as usize, scheme.group_bytes(), scheme.scale_bytes(float));
    let groups = weight.len() / codes;
    check_length("the packed matrix", weight.len(), groups * codes)?;
    check_length("the scales", scales.len(), groups * scale)?;
    check_length("the biases", biases.len(), if scheme.has_biases() { groups * scale } else { 0 })?;
    let mut values = vec![0.0; groups * size];
    values.par_chunks_mut(TASK * size).enumerate().for_each(|(task, values)| {
        let (first, last) = (task * TASK, task * TASK + values.len() / size);
        let biases = if scheme.has_biases() { &biases[first * scale..last * scale] } else { &[] };
        let (weight, scales) = (&weight[first * codes..last * codes], &scales[first * scale..last * scale]);
        dequantize_groups(scheme, [weight, scales, biases], float, float, values);
    });
    Ok(values)
}

widest! {
    /// As [`dequantize`], on this thread, into `values`; `parts` are weight, scales and biases of as many groups. What is
    /// computed is rounded to `rounded`: `float` is MLX's way, 32 bits lose nothing.
    pub fn dequantize_groups(
        scheme: Scheme,
        parts: [&[u8]; 3],
        float: Float,
        rounded: Float,
        values: &mut [f32],
    ) = any_width
}

#[inline(always)]
fn any_width(scheme: Scheme, parts: [&[u8]; 3], float: Float, rounded: Float, values: &mut [f32]) {
    match scheme.bits() {
        2 => run::<2>(scheme, parts, float, rounded, values),
        3 => run::<3>(scheme, parts, float, rounded, values),
        4 => run::<4>(scheme, parts, float, rounded, values),
        5 => run::<5>(scheme, parts, float, rounded, values),
        6 => run::<6>(scheme, parts, float, rounded, values),
        _ => run::<8>(scheme, parts, float, rounded, values),
    }
}

#[inline(always)]
fn run<const BITS: usize>(
    scheme: Scheme,
    [weight, scales, biases]: [&[u8]; 3],
    float: Float,
    rounded: Float,
    values: &mut [f32],
) {
    let (size, width) = (scheme.group_size() as usize, float.bytes());
    let mut codes = [0; MAX_GROUP];
    let codes = &mut codes[..size];
    let parts = values.chunks_exact_mut(size).zip(weight.chunks_exact(scheme.group_bytes()));
    if scheme.mode() != Mode::Affine {
        for ((values, weight), byte) in parts.zip(scales) {
            unpack::<BITS>(weight, codes);
            microscaling::decode(scheme.mode(), codes, *byte, values);
        }
        return;
    }
    let pairs = scales.chunks_exact(width).zip(biases.chunks_exact(width));
    for ((values, weight), (scale_bytes, bias_bytes)) in parts.zip(pairs) {
        let (mut scale, mut bias) = ([0.0], [0.0]);
        float.read_inline(scale_bytes, &mut scale);
        float.read_inline(bias_bytes, &mut bias);
        unpack::<BITS>(weight, codes);
        affine::decode(codes, scale[0], bias[0], rounded, values);
    }
}
