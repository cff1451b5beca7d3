//! The 16-bit floats and 32-bit ones, without branches, so that loops over them become vector code on any CPU.

use half::{bf16, f16};

/// The exponent of 32 bits less that of 16, in its place.
const REBIAS: u32 = (127 - 15) << 23;
/// The least normal 16-bit float, 2⁻¹⁴.
const LEAST_NORMAL: u32 = (127 - 14) << 23;
/// The least power of two that is none, 2¹⁶. What is nearer to it than to the largest, the carry makes infinite.
const TOO_LARGE: u32 = (127 + 16) << 23;
/// An infinity.
const INFINITE: u32 = 0x7f80_0000;

/// The nearest 16-bit float, ties to even.
#[inline(always)]
pub(super) fn to_f16(value: f32) -> f16 {
    let bits = value.to_bits();
    let (sign, magnitude) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
    // Half of the place that is dropped, less one where the kept part is even: a carry goes into the exponent.
    let normal = magnitude.wrapping_sub(REBIAS).wrapping_add(0xfff + (magnitude >> 13 & 1)) >> 13;
    // Below, steps are those of the floats from a half on, so the processor rounds.
    let small = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let large = if magnitude > INFINITE { 0x7e00 | magnitude >> 13 & 0x3ff } else { 0x7c00 };
    let finite = if magnitude < LEAST_NORMAL { small } else { normal };
    f16::from_bits((sign | if magnitude < TOO_LARGE { finite } else { large }) as u16)
}

/// The same number.
#[inline(always)]
pub(super) fn from_f16(value: f16) -> f32 {
    let bits = u32::from(value.to_bits());
    let (sign, magnitude) = ((bits & 0x8000) << 16, bits & 0x7fff);
    let normal = (magnitude << 13) + REBIAS;
    let small = (magnitude as f32 * (1.0 / (1 << 24) as f32)).to_bits();
    // A signalling NaN becomes a quiet one, as processors have it.
    let large = INFINITE | (magnitude & 0x3ff) << 13 | if magnitude > 0x7c00 { 0x0040_0000 } else { 0 };
    let finite = if magnitude < 0x400 { small } else { normal };
    f32::from_bits(sign | if magnitude < 0x7c00 { finite } else { large })
}

/// The nearest 16-bit float of the other kind, ties to even.
#[inline(always)]
pub(super) fn to_bf16(value: f32) -> bf16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    bf16::from_bits(if bits & 0x7fff_ffff > INFINITE { bits >> 16 | 0x40 } else { rounded } as u16)
}

/// The same number.
#[inline(always)]
pub(super) fn from_bf16(value: bf16) -> f32 {
    f32::from_bits(u32::from(value.to_bits()) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around every border between two 16-bit floats, and NaN of many kinds.
    fn hostile() -> impl Iterator<Item = f32> {
        let halves = (0..=u16::MAX).map(|bits| f16::from_bits(bits).to_f32());
        let brains = (0..=u16::MAX).map(|bits| bf16::from_bits(bits).to_f32());
        let bits = halves.chain(brains).map(f32::to_bits);
        bits.flat_map(|bits| {
            let border = [0x1000, 0x8000, 0x7fff, 0x8001].map(|more| bits.wrapping_add(more));
            let near = [bits.wrapping_sub(1), bits, bits.wrapping_add(1)];
            near.into_iter().chain(border).chain(border.map(|bits| bits ^ 1)).map(f32::from_bits)
        })
    }

    #[test]
    fn narrowing_is_that_of_the_crate_for_16_bits() {
        // Between the floats below the normal ones, and where the largest ends.
        let steps = (0..4096).map(|step| step as f32 * 2.0f32.powi(-26));
        let more = [65_504.0, 65_519.99, 65_520.0, 65_536.0, f32::MAX, f32::INFINITY, 1e-40, 1e-45, 0.0];
        let more = steps.chain(more).flat_map(|value| [value, -value]);
        for value in hostile().chain(more) {
            let bits = value.to_bits();
            assert_eq!(to_f16(value).to_bits(), f16::from_f32(value).to_bits(), "{value:e} {bits:#x}");
            assert_eq!(to_bf16(value).to_bits(), bf16::from_f32(value).to_bits(), "{value:e} {bits:#x}");
        }
    }

    #[test]
    fn widening_is_that_of_the_crate_for_16_bits() {
        for bits in 0..=u16::MAX {
            let (half, brain) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert_eq!(from_f16(half).to_bits(), half.to_f32().to_bits(), "{bits:#x}");
            let expected = if brain.is_nan() { u32::from(bits) << 16 } else { brain.to_f32().to_bits() };
            assert_eq!(from_bf16(brain).to_bits(), expected, "{bits:#x}");
        }
    }
}
