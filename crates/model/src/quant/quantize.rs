//! Floats to codes, scales and biases.

use rayon::prelude::*;

use super::{Affine, Float, MAX_GROUP, QuantError, check_length, pack::pack};

/// Lower bound of a scale, so that a constant group does not divide by zero.
const SMALLEST_SCALE: f32 = 1e-7;
/// Added to a float below 2²³, it leaves the rounded integer in the lowest bits, ties to even. Unlike
/// `round_ties_even` it needs no instruction beyond SSE2, so the loop is vectorised on any x86-64.
const INTEGER_BITS: f32 = 8_388_608.0;
/// Groups that one parallel task takes.
const TASK: usize = 128;
/// Running minima and maxima, as many as the vector units take at once.
const LANES: usize = 16;

/// A quantized tensor, in the bytes that its file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Codes, as little-endian 32-bit words.
    pub weight: Vec<u8>,
    /// One scale per group, in the type of the source.
    pub scales: Vec<u8>,
    /// One bias per group, in the type of the source.
    pub biases: Vec<u8>,
}

/// Quantizes little-endian row-major elements whose rows split into whole groups.
pub fn quantize(affine: Affine, bytes: &[u8], float: Float) -> Result<Packed, QuantError> {
    match affine.bits {
        2 => run::<2>(affine, bytes, float),
        3 => run::<3>(affine, bytes, float),
        4 => run::<4>(affine, bytes, float),
        5 => run::<5>(affine, bytes, float),
        6 => run::<6>(affine, bytes, float),
        8 => run::<8>(affine, bytes, float),
        bits => Err(QuantError::Bits { bits }),
    }
}

fn run<const BITS: usize>(affine: Affine, bytes: &[u8], float: Float) -> Result<Packed, QuantError> {
    let (size, width) = (affine.group_size as usize, float.bytes());
    let groups = bytes.len() / (size * width);
    check_length("the matrix", bytes.len(), groups * size * width)?;
    let mut weight = vec![0; groups * affine.group_bytes()];
    let mut scales = vec![0; groups * width];
    let mut biases = vec![0; groups * width];
    bytes
        .par_chunks(TASK * size * width)
        .zip(weight.par_chunks_mut(TASK * affine.group_bytes()))
        .zip(scales.par_chunks_mut(TASK * width))
        .zip(biases.par_chunks_mut(TASK * width))
        .for_each(|(((bytes, weight), scales), biases)| {
            let mut lines = Lines { values: [0.0; MAX_GROUP], codes: [0; MAX_GROUP] };
            let parts = bytes.chunks_exact(size * width).zip(weight.chunks_exact_mut(affine.group_bytes()));
            let pairs = scales.chunks_exact_mut(width).zip(biases.chunks_exact_mut(width));
            for ((bytes, weight), (scale_bytes, bias_bytes)) in parts.zip(pairs) {
                let Lines { values, codes } = &mut lines;
                let (values, codes) = (&mut values[..size], &mut codes[..size]);
                float.read(bytes, values);
                let (scale, bias) = encode::<BITS>(values, codes);
                pack::<BITS>(codes, weight);
                float.write(&[scale], scale_bytes);
                float.write(&[bias], bias_bytes);
            }
        });
    Ok(Packed { weight, scales, biases })
}

/// Working memory for one group, on its own cache lines.
#[repr(align(64))]
struct Lines {
    values: [f32; MAX_GROUP],
    codes: [u8; MAX_GROUP],
}

/// The end of the range that is larger in magnitude becomes the bias and is represented exactly, and so
/// is zero: the scale is stretched until a whole number of steps lies between the two.
fn encode<const BITS: usize>(values: &[f32], codes: &mut [u8]) -> (f32, f32) {
    let levels = ((1 << BITS) - 1) as f32;
    let (low, high) = extent(values);
    let negative = low.abs() > high.abs();
    let step = ((high - low) / levels).max(SMALLEST_SCALE);
    let edge = if negative { low } else { high };
    let mut scale = if negative { step } else { -step };
    let mut bias = 0.0;
    let zero_code = (edge / scale).round_ties_even();
    if zero_code != 0.0 {
        scale = edge / zero_code;
        bias = edge;
    }
    for (code, value) in codes.iter_mut().zip(values) {
        // MLX rounds before it clamps; both bounds are integers, so the order makes no difference.
        let level = (value - bias) / scale;
        let level = if level > 0.0 { level } else { 0.0 };
        let level = if level < levels { level } else { levels };
        *code = (level + INTEGER_BITS).to_bits() as u8;
    }
    (scale, bias)
}

fn extent(values: &[f32]) -> (f32, f32) {
    let mut low = [f32::INFINITY; LANES];
    let mut high = [f32::NEG_INFINITY; LANES];
    for block in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            low[lane] = if block[lane] < low[lane] { block[lane] } else { low[lane] };
            high[lane] = if block[lane] > high[lane] { block[lane] } else { high[lane] };
        }
    }
    (low.into_iter().fold(f32::INFINITY, f32::min), high.into_iter().fold(f32::NEG_INFINITY, f32::max))
}
