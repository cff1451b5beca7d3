//! The float types that weights are stored in, read and written in bulk.

use half::{bf16, f16, slice::HalfFloatSliceExt};
use rayon::prelude::*;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

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
        match self {
            Self::Float32 => {
                for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Self::Float16 => read_halves(bytes, values),
            Self::Bfloat16 => {
                for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
                }
            }
        }
    }

    /// Rounds to the nearest element, ties to even, and writes it little-endian.
    pub fn write(self, values: &[f32], bytes: &mut [u8]) {
        match self {
            Self::Float32 => {
                for (value, bytes) in values.iter().zip(bytes.as_chunks_mut().0) {
                    *bytes = value.to_le_bytes();
                }
            }
            Self::Float16 => write_halves(values, bytes),
            Self::Bfloat16 => {
                for (value, bytes) in values.iter().zip(bytes.as_chunks_mut().0) {
                    *bytes = bf16::from_f32(*value).to_le_bytes();
                }
            }
        }
    }

    /// Rounds each value to this type, in place.
    pub fn round(self, values: &mut [f32]) {
        let mut bytes = [0; 2 * BLOCK];
        if self == Self::Float32 {
            return;
        }
        for values in values.chunks_mut(BLOCK) {
            let bytes = &mut bytes[..2 * values.len()];
            self.write(values, bytes);
            self.read(bytes, values);
        }
    }
}

// The slice conversions of `half` use F16C or NEON where the processor has them, found at run time.
fn read_halves(bytes: &[u8], values: &mut [f32]) {
    let mut halves = [f16::ZERO; BLOCK];
    for (bytes, values) in bytes.chunks(2 * BLOCK).zip(values.chunks_mut(BLOCK)) {
        let halves = &mut halves[..values.len()];
        for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
            *half = f16::from_le_bytes(*bytes);
        }
        halves.convert_to_f32_slice(values);
    }
}

fn write_halves(values: &[f32], bytes: &mut [u8]) {
    let mut halves = [f16::ZERO; BLOCK];
    for (values, bytes) in values.chunks(BLOCK).zip(bytes.chunks_mut(2 * BLOCK)) {
        let halves = &mut halves[..values.len()];
        halves.convert_from_f32_slice(values);
        for (half, bytes) in halves.iter().zip(bytes.as_chunks_mut().0) {
            *bytes = half.to_le_bytes();
        }
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

/// Largest magnitude; infinite or NaN where some value is.
pub fn largest(values: &[f32]) -> f32 {
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
