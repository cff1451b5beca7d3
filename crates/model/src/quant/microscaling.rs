//! One group in the modes whose codes are small floats.
//!
//! MLX computes in the type of the weights here. The quotients by a power of two are exact in it, and distances to a
//! code are exact where they decide, so only the scale and the quotient by an 8-bit scale have to be rounded to it.

use super::{
    Float, Mode,
    float8::{E2M1, exponent_above, from_e4m3, from_e8m0, to_e2m1, to_e4m3},
};

/// What an exponent of zero is stored as.
const E8M0_BIAS: i32 = 127;

/// Codes, one per byte, and the byte of the scale.
#[inline(always)]
pub(super) fn encode(mode: Mode, values: &[f32], float: Float, codes: &mut [u8]) -> u8 {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let most = if mode == Mode::Mxfp8 { 448.0 } else { 6.0 };
    let mut scale = [largest / most];
    float.round_inline(&mut scale);
    if mode == Mode::Nvfp4 {
        let byte = to_e4m3(scale[0]);
        let scale = from_e4m3(byte);
        let mut quotients = [0.0; super::MAX_GROUP];
        let quotients = &mut quotients[..values.len()];
        quotients.iter_mut().zip(values).for_each(|(quotient, value)| *quotient = value / scale);
        float.round_inline(quotients);
        codes.iter_mut().zip(quotients).for_each(|(code, value)| *code = to_e2m1(*value));
        return byte;
    }
    let exponent = if scale[0] == 0.0 { 0 } else { exponent_above(scale[0]) };
    let scale = 2.0f32.powi(exponent);
    for (code, value) in codes.iter_mut().zip(values) {
        let quotient = value / scale;
        *code = if mode == Mode::Mxfp8 { to_e4m3(quotient) } else { to_e2m1(quotient) };
    }
    (exponent + E8M0_BIAS) as u8
}

/// What the byte of a scale stands for.
#[inline(always)]
pub(super) fn scale(mode: Mode, byte: u8) -> f32 {
    if mode == Mode::Nvfp4 { from_e4m3(byte) } else { from_e8m0(byte) }
}

/// The values of codes. They are exact: MLX rounds them to the type that it is asked for.
#[inline(always)]
pub(super) fn decode(mode: Mode, codes: &[u8], byte: u8, values: &mut [f32]) {
    let scale = scale(mode, byte);
    for (value, code) in values.iter_mut().zip(codes) {
        let code = if mode == Mode::Mxfp8 { from_e4m3(*code) } else { E2M1[usize::from(*code & 15)] };
        *value = code * scale;
    }
}
