//! Codes, scales and biases back to floats.

use rayon::prelude::*;

use super::{Affine, Float, MAX_GROUP, QuantError, check_length, pack::unpack};

/// Groups that one parallel task takes.
const TASK: usize = 128;

/// The values that MLX's `dequantize` gives on a CPU, widened to 32 bits.
///
/// `weight` holds little-endian words; `scales` and `biases` hold elements of type `float`. MLX multiplies
/// and adds in that type, so the product and the sum are each rounded to it. Its GPU kernels may fuse the
/// two and differ in the last place.
pub fn dequantize(
    affine: Affine,
    weight: &[u8],
    scales: &[u8],
    biases: &[u8],
    float: Float,
) -> Result<Vec<f32>, QuantError> {
    match affine.bits {
        2 => run::<2>(affine, weight, scales, biases, float),
        3 => run::<3>(affine, weight, scales, biases, float),
        4 => run::<4>(affine, weight, scales, biases, float),
        5 => run::<5>(affine, weight, scales, biases, float),
        6 => run::<6>(affine, weight, scales, biases, float),
        8 => run::<8>(affine, weight, scales, biases, float),
        bits => Err(QuantError::Bits { bits }),
    }
}

fn run<const BITS: usize>(
    affine: Affine,
    weight: &[u8],
    scales: &[u8],
    biases: &[u8],
    float: Float,
) -> Result<Vec<f32>, QuantError> {
    let (size, width) = (affine.group_size as usize, float.bytes());
    let groups = weight.len() / affine.group_bytes();
    check_length("the packed matrix", weight.len(), groups * affine.group_bytes())?;
    check_length("the scales", scales.len(), groups * width)?;
    check_length("the biases", biases.len(), groups * width)?;
    let mut values = vec![0.0; groups * size];
    values
        .par_chunks_mut(TASK * size)
        .zip(weight.par_chunks(TASK * affine.group_bytes()))
        .zip(scales.par_chunks(TASK * width))
        .zip(biases.par_chunks(TASK * width))
        .for_each(|(((values, weight), scales), biases)| {
            let mut codes = [0; MAX_GROUP];
            let parts = values.chunks_exact_mut(size).zip(weight.chunks_exact(affine.group_bytes()));
            let pairs = scales.chunks_exact(width).zip(biases.chunks_exact(width));
            for ((values, weight), (scale_bytes, bias_bytes)) in parts.zip(pairs) {
                let (mut scale, mut bias) = ([0.0], [0.0]);
                float.read(scale_bytes, &mut scale);
                float.read(bias_bytes, &mut bias);
                unpack::<BITS>(weight, &mut codes[..size]);
                decode(&codes[..size], scale[0], bias[0], float, values);
            }
        });
    Ok(values)
}

fn decode(codes: &[u8], scale: f32, bias: f32, float: Float, values: &mut [f32]) {
    for (value, code) in values.iter_mut().zip(codes) {
        *value = f32::from(*code) * scale;
    }
    float.round(values);
    for value in values.iter_mut() {
        *value += bias;
    }
    float.round(values);
}
