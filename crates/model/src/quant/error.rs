//! What cannot be quantized, and how far what can be is from what it was.

use gatecheck_base::simd::widest;

use super::{Float, Mode, Scheme};

/// Why something cannot be quantized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantError {
    /// MLX has no such code width.
    #[error("cannot quantize to {bits} bits")]
    Bits {
        /// The width asked for.
        bits: u32,
    },
    /// MLX has no such group.
    #[error("cannot quantize in groups of {group_size}")]
    GroupSize {
        /// The size asked for.
        group_size: u32,
    },
    /// The mode leaves no choice.
    #[error("`{mode}` has {bits} bits and groups of {group_size}, and no others")]
    Fixed {
        /// The mode.
        mode: &'static str,
        /// Its bits.
        bits: u32,
        /// Its group size.
        group_size: u32,
    },
    /// The buffers do not belong together.
    #[error("{what} is {found} bytes long instead of {expected}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that the others ask for.
        expected: usize,
    },
}

impl QuantError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bits { .. } => Some("MLX quantizes to 2, 3, 4, 5, 6 or 8 bits".to_owned()),
            Self::GroupSize { .. } => Some("MLX quantizes in groups of 32, 64 or 128".to_owned()),
            Self::Fixed { .. } => Some("leave bits and group size out, or take mode `affine`".to_owned()),
            Self::Length { .. } => None,
        }
    }
}

/// How far a decoded value may be from the weight that it stands for, when the weight was rounded to the nearest code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// For any weight of the group.
    flat: f32,
    /// For each unit of the weight's magnitude.
    relative: f32,
    /// Where the codes begin and end: outside, up to a whole step is allowed.
    inner: (f32, f32),
    /// What is allowed inside.
    half: f32,
}

impl Bound {
    /// That of one group. `scale` and `bias` are decoded; `dtype` is the type that they, and the weights before, were
    /// rounded to.
    ///
    /// In affine mode a weight is at most half a step from its code, but at the end of the range away from the bias it can
    /// be a whole one, as MLX stretches the scale to make zero exact and then clamps. Rounding comes on top: of the scale,
    /// of the product and of the sum.
    #[inline(always)]
    pub fn of(scheme: Scheme, scale: f32, bias: f32, dtype: Float) -> Self {
        let unit = match dtype {
            Float::Float32 => f32::EPSILON / 2.0,
            Float::Float16 => 2.0f32.powi(-11),
            Float::Bfloat16 => 2.0f32.powi(-9),
        };
        match scheme.mode() {
            Mode::Affine => {
                let (step, levels) = (scale.abs(), 2.0f32.powi(scheme.bits() as i32) - 1.0);
                let rounding = unit * (3.0 * levels * step + 2.0 * bias.abs()) + levels * 2.0f32.powi(-24);
                let far = bias + levels * scale;
                let (low, high) = (bias.min(far) + step / 2.0, bias.max(far) - step / 2.0);
                Self {
                    flat: step * 1.01 + rounding,
                    relative: 0.0,
                    inner: (low, high),
                    half: step * 0.505 + rounding,
                }
            }
            // The largest codes, 4 and 6, are two scales apart.
            Mode::Mxfp4 => Self::even(scale * 1.01, 2.0 * unit),
            // Besides, the scale itself is rounded to a float of 8 bits, and may even vanish: that leaves the largest weight
            // beyond 6 scales.
            Mode::Nvfp4 => Self::even(scale * 1.01 + 6.1 * (scale / 16.0).max(2.0f32.powi(-10)), 2.0 * unit),
            // Three bits after the point, and steps of 2⁻⁹ near zero.
            Mode::Mxfp8 => Self::even(scale * 2.0f32.powi(-10) * 1.01, 0.0631 + unit),
        }
    }

    /// The same for all weights of the group.
    #[inline(always)]
    fn even(flat: f32, relative: f32) -> Self {
        Self { flat, relative, inner: (f32::MIN, f32::MAX), half: flat }
    }

    /// That of one of several groups, given the bytes of all their scales and biases.
    #[inline(always)]
    pub fn of_group(scheme: Scheme, dtype: Float, scales: &[u8], biases: &[u8], group: usize) -> Self {
        if !scheme.has_biases() {
            return Self::of(scheme, scheme.decode_scale(scales[group]), 0.0, dtype);
        }
        let (width, mut pair) = (dtype.bytes(), [0.0; 2]);
        let at = group * width..(group + 1) * width;
        dtype.read_inline(&scales[at.clone()], &mut pair[..1]);
        dtype.read_inline(&biases[at], &mut pair[1..]);
        Self::of(scheme, pair[0], pair[1], dtype)
    }

    /// Whether `decoded` can stand for `weight`, to the last step.
    #[inline(always)]
    pub fn holds(&self, weight: f32, decoded: f32) -> bool {
        // A difference that is not a number is none that is allowed.
        (weight - decoded).abs() <= self.flat + self.relative * weight.abs()
    }

    /// Whether `decoded` is the code nearest to `weight`, or as near as rounding allows.
    pub fn is_nearest(&self, weight: f32, decoded: f32) -> bool {
        let inside = self.inner.0 <= weight && weight <= self.inner.1;
        let flat = if inside { self.half } else { self.flat };
        (weight - decoded).abs() <= flat + self.relative * weight.abs()
    }
}

widest! {
    /// The first of several groups with a value in `decoded` that cannot stand for its weight in `exact`, given the bytes of
    /// all their scales and biases.
    pub fn first_beyond(
        scheme: Scheme,
        dtype: Float,
        scales_and_biases: [&[u8]; 2],
        exact: &[f32],
        decoded: &[f32],
    ) -> Option<usize> = first_beyond_inline
}

#[inline(always)]
fn first_beyond_inline(
    scheme: Scheme,
    dtype: Float,
    [scales, biases]: [&[u8]; 2],
    exact: &[f32],
    decoded: &[f32],
) -> Option<usize> {
    let size = scheme.group_size() as usize;
    // No iterator's method, which would be compiled for itself and without the vectors of this function.
    for (group, (exact, decoded)) in exact.chunks_exact(size).zip(decoded.chunks_exact(size)).enumerate() {
        let bound = Bound::of_group(scheme, dtype, scales, biases, group);
        // Looks at all of them in any case, which goes faster.
        let mut beyond = false;
        for (exact, decoded) in exact.iter().zip(decoded) {
            beyond |= !bound.holds(*exact, *decoded);
        }
        if beyond {
            return Some(group);
        }
    }
    None
}
