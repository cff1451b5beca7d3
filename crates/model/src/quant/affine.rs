//! One group in affine mode.

use super::Float;

/// Lower bound of a scale, so that a constant group does not divide by zero.
const SMALLEST_SCALE: f32 = 1e-7;
/// Added to a float below 2²³, it leaves the rounded integer in the lowest bits, ties to even. Unlike
/// `round_ties_even` it needs no instruction beyond SSE2, so the loop is vectorised on any x86-64.
const INTEGER_BITS: f32 = 8_388_608.0;
/// Running minima and maxima, as many as the vector units take at once.
const LANES: usize = 16;

/// Codes, scale and bias of the values.
///
/// The end of the range that is larger in magnitude becomes the bias and is represented exactly, and so
/// is zero: the scale is stretched until a whole number of steps lies between the two.
#[inline(always)]
pub(super) fn encode<const BITS: usize>(values: &[f32], codes: &mut [u8]) -> (f32, f32) {
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

#[inline(always)]
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

/// The values of codes. MLX multiplies and adds in the type of the scales, so the product and the sum are each rounded
/// to it.
#[inline(always)]
pub(super) fn decode(codes: &[u8], scale: f32, bias: f32, float: Float, values: &mut [f32]) {
    for (value, code) in values.iter_mut().zip(codes) {
        *value = f32::from(*code) * scale;
    }
    float.round_inline(values);
    for value in values.iter_mut() {
        *value += bias;
    }
    float.round_inline(values);
}
