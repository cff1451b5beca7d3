//! The float types that weights are stored in, read and written in bulk.

use gatecheck_base::simd::widest;
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::float16::{from_bf16, from_f16, to_bf16, to_f16};

/// Elements that are converted at a time, in a buffer on the stack.
const BLOCK: usize = 128;
/// Elements that one parallel task takes.
const TASK: usize = 1 << 14;

/// A floating-point element type of safetensors and MLX, named as MLX names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Float {
    /// 32 bits.
    Float32,
    /// 16 bits, largest finite value 65504.
    Float16,
    /// 16 bits with the exponent range of 32.
    Bfloat16,
}

impl Float {
    /// The type of tensors that are stored so; `None` for whole numbers and other floats.
    pub fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(Self::Float32),
            Dtype::F16 => Some(Self::Float16),
            Dtype::BF16 => Some(Self::Bfloat16),
            _ => None,
        }
    }

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 | Self::Bfloat16 => 2,
        }
    }

    /// The name, such as `float16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
        }
    }

    /// Whether `value` stays finite when it is rounded to this type.
    pub fn holds(self, value: f32) -> bool {
        match self {
            Self::Float32 => value.is_finite(),
            Self::Float16 => f16::from_f32(value).is_finite(),
            Self::Bfloat16 => bf16::from_f32(value).is_finite(),
        }
    }

    /// Widens little-endian elements, which is exact.
    pub fn read(self, bytes: &[u8], values: &mut [f32]) {
        read(self, bytes, values);
    }

    /// Rounds to the nearest element, ties to even, and writes it little-endian.
    pub fn write(self, values: &[f32], bytes: &mut [u8]) {
        write(self, values, bytes);
    }

    /// Rounds each value to this type, in place.
    pub fn round(self, values: &mut [f32]) {
        round(self, values);
    }

    /// As [`Self::read`], for callers that are compiled for each instruction set.
    #[inline(always)]
    pub(super) fn read_inline(self, bytes: &[u8], values: &mut [f32]) {
        match self {
            Self::Float32 => widen(bytes, values, f32::from_le_bytes),
            Self::Float16 => widen(bytes, values, |bytes| from_f16(f16::from_le_bytes(bytes))),
            Self::Bfloat16 => widen(bytes, values, |bytes| from_bf16(bf16::from_le_bytes(bytes))),
        }
    }

    /// As [`Self::write`].
    #[inline(always)]
    pub(super) fn write_inline(self, values: &[f32], bytes: &mut [u8]) {
        match self {
            Self::Float32 => narrow(values, bytes, f32::to_le_bytes),
            Self::Float16 => narrow(values, bytes, |value| to_f16(value).to_le_bytes()),
            Self::Bfloat16 => narrow(values, bytes, |value| to_bf16(value).to_le_bytes()),
        }
    }

    /// As [`Self::round`].
    #[inline(always)]
    pub(super) fn round_inline(self, values: &mut [f32]) {
        match self {
            Self::Float32 => {}
            Self::Float16 => values.iter_mut().for_each(|value| *value = from_f16(to_f16(*value))),
            Self::Bfloat16 => values.iter_mut().for_each(|value| *value = from_bf16(to_bf16(*value))),
        }
    }
}

widest! { fn read(float: Float, bytes: &[u8], values: &mut [f32]) = Float::read_inline }
widest! { fn write(float: Float, values: &[f32], bytes: &mut [u8]) = Float::write_inline }
widest! { fn round(float: Float, values: &mut [f32]) = Float::round_inline }

#[inline(always)]
fn widen<const WIDTH: usize>(bytes: &[u8], values: &mut [f32], from: impl Fn([u8; WIDTH]) -> f32) {
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
        *value = from(*bytes);
    }
}

#[inline(always)]
fn narrow<const WIDTH: usize>(values: &[f32], bytes: &mut [u8], to: impl Fn(f32) -> [u8; WIDTH]) {
    for (value, bytes) in values.iter().zip(bytes.as_chunks_mut().0) {
        *bytes = to(*value);
    }
}

/// Rewrites little-endian elements in another type, rounding to nearest, ties to even.
pub fn cast(bytes: &[u8], from: Float, to: Float) -> Vec<u8> {
    if from == to {
        return bytes.to_owned();
    }
    let mut cast = vec![0; bytes.len() / from.bytes() * to.bytes()];
    bytes.par_chunks(TASK * from.bytes()).zip(cast.par_chunks_mut(TASK * to.bytes())).for_each(
        |(bytes, cast)| {
            let mut values = [0.0; BLOCK];
            for (bytes, cast) in bytes.chunks(BLOCK * from.bytes()).zip(cast.chunks_mut(BLOCK * to.bytes())) {
                let values = &mut values[..bytes.len() / from.bytes()];
                from.read(bytes, values);
                to.write(values, cast);
            }
        },
    );
    cast
}

widest! {
    /// Largest magnitude; infinite or NaN where some value is.
    pub fn largest(values: &[f32]) -> f32 = largest_inline
}

#[inline(always)]
fn largest_inline(values: &[f32]) -> f32 {
    // Magnitudes compare as integers, with infinities and NaN on top.
    let mut lanes = [0; 16];
    let (blocks, rest) = values.as_chunks::<16>();
    for block in blocks {
        for lane in 0..16 {
            lanes[lane] = (block[lane].to_bits() & 0x7fff_ffff).max(lanes[lane]);
        }
    }
    let rest = rest.iter().map(|value| value.to_bits() & 0x7fff_ffff);
    f32::from_bits(lanes.into_iter().chain(rest).max().unwrap_or(0))
}

/// Position and value of the first NaN or infinity.
pub fn first_not_finite(bytes: &[u8], float: Float) -> Option<(usize, f32)> {
    let value_of = |bytes: &[u8]| {
        let mut value = [0.0];
        float.read(bytes, &mut value);
        value[0]
    };
    bytes.chunks(float.bytes()).map(value_of).enumerate().find(|(_, value)| !value.is_finite())
}
