//! The small floats of the microscaling formats.

/// What the 16 codes of a 4-bit float (E2M1) stand for: a sign, two bits of exponent, one after the point.
pub(super) const E2M1: [f32; 16] =
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

/// The largest 8-bit float (E4M3).
const E4M3_MAX: f32 = 448.0;
/// The distance of the 8-bit floats around zero.
const E4M3_STEP: f32 = 1.0 / 512.0;

/// The code of the 4-bit float nearest to `value`; of two as near, the one nearer to zero. Zero has no sign.
#[inline(always)]
pub(super) fn to_e2m1(value: f32) -> u8 {
    let magnitude = value.abs();
    let mut code = 0;
    for halfway in [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0] {
        code += u8::from(magnitude > halfway);
    }
    // What is no number is nearest to nothing, which MLX takes for the first code.
    if magnitude.is_finite() && code > 0 { code | u8::from(value < 0.0) << 3 } else { 0 }
}

/// The code of the 8-bit float (E4M3) nearest to `value`, ties to even; beyond the largest, that.
#[inline(always)]
pub(super) fn to_e4m3(value: f32) -> u8 {
    let sign = if value.is_sign_negative() { 0x80 } else { 0 };
    let magnitude = value.abs();
    let code = if magnitude >= 464.0 {
        0x7e
    } else if magnitude < 1.0 / 64.0 {
        // Below the least power of two that is normal, steps are even.
        (magnitude / E4M3_STEP).round_ties_even() as u8
    } else {
        // Half of the place that is dropped, less one where the kept part is even: a carry goes into the exponent.
        let bits = magnitude.min(E4M3_MAX + 16.0).to_bits();
        let rounded = bits + 0x7_ffff + (bits >> 20 & 1);
        ((rounded >> 20) - ((127 - 7) << 3)) as u8
    };
    sign | code
}

/// What the code of an 8-bit float (E4M3) stands for.
#[inline(always)]
pub(super) fn from_e4m3(code: u8) -> f32 {
    let (exponent, fraction) = (u32::from(code >> 3 & 15), u32::from(code & 7));
    let magnitude = match exponent {
        0 => fraction as f32 * E4M3_STEP,
        _ => f32::from_bits((exponent + 127 - 7) << 23 | fraction << 20),
    };
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

/// The power of two that a byte of exponent (E8M0) stands for.
#[inline(always)]
pub(super) fn from_e8m0(code: u8) -> f32 {
    match code {
        0 => f32::from_bits(0x0040_0000),
        code => f32::from_bits(u32::from(code) << 23),
    }
}

/// The exponent of the least power of two that is not below `value`, which is above zero.
#[inline(always)]
pub(super) fn exponent_above(value: f32) -> i32 {
    // Below the normal floats, the place of the highest bit counts.
    let bits = value.to_bits();
    if bits < 0x0080_0000 {
        let highest = 31 - bits.leading_zeros() as i32;
        return highest - 149 + i32::from(!bits.is_power_of_two());
    }
    let exponent = (bits >> 23) as i32 - 127;
    exponent + i32::from(bits & 0x007f_ffff != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_eight_bits_is_read_back() {
        for code in (0..=0x7e).chain(0x80..=0xfe) {
            assert_eq!(to_e4m3(from_e4m3(code)), code, "{code:#x}");
        }
        assert_eq!((from_e4m3(0x7e), from_e4m3(1), from_e4m3(8)), (448.0, 1.0 / 512.0, 1.0 / 64.0));
    }

    #[test]
    fn between_two_codes_the_nearer_is_taken_and_then_the_even() {
        for code in 0..0x7d_u8 {
            let (below, above) = (from_e4m3(code), from_e4m3(code + 1));
            let halfway = (below + above) / 2.0;
            let even = code + (code & 1);
            assert_eq!(to_e4m3(halfway), even, "{halfway}");
            assert_eq!(to_e4m3(f32::from_bits(halfway.to_bits() - 1)), code, "{halfway}");
            assert_eq!(to_e4m3(-f32::from_bits(halfway.to_bits() + 1)), (code + 1) | 0x80, "{halfway}");
        }
        assert_eq!((to_e4m3(1e9), to_e4m3(f32::INFINITY), to_e4m3(-463.0)), (0x7e, 0x7e, 0xfe));
    }

    #[test]
    fn four_bits() {
        for (code, value) in E2M1.iter().enumerate().filter(|(code, _)| *code != 8) {
            assert_eq!(usize::from(to_e2m1(*value)), code);
        }
        // Of two as near, the smaller; and zero has no sign.
        assert_eq!(
            [0.25, 2.5, -5.0, -0.2, 7.0, f32::NAN, f32::INFINITY].map(to_e2m1),
            [0, 4, 14, 0, 7, 0, 0]
        );
    }

    #[test]
    fn powers_of_two() {
        for (value, exponent) in [(1.0, 0), (1.001, 1), (0.75, 0), (2.0f32.powi(-130), -130), (3.0e-45, -148)]
        {
            assert_eq!(exponent_above(value), exponent, "{value:e}");
        }
        assert_eq!((from_e8m0(127), from_e8m0(0), from_e8m0(130)), (1.0, 2.0f32.powi(-127), 8.0));
    }
}
