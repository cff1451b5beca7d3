//! Affine quantization, bit for bit as MLX's CPU kernel does it, without needing MLX.
//!
//! A group of `group_size` neighbours in a row becomes codes of `bits` bits plus one scale and one bias:
//! `value ≈ code × scale + bias`. The formulas, their precision and their order of operations are those of
//! `quantize` in [MLX 0.32.2](https://github.com/ml-explore/mlx/blob/v0.32.2/mlx/backend/cpu/quantized.cpp):
//! everything is computed in fp32, and scale and bias are rounded to the element type only when stored.

mod dequantize;
mod element;
mod pack;
mod quantize;

pub use dequantize::dequantize;
pub use element::{Float, Range, cast, range};
pub use quantize::{Packed, quantize};

use serde::{Deserialize, Serialize};

/// Largest group that MLX knows; buffers for one group live on the stack.
const MAX_GROUP: usize = 128;

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
            Self::Length { .. } => None,
        }
    }
}

/// The parameters of affine quantization, checked against what MLX can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parameters")]
pub struct Affine {
    group_size: u32,
    bits: u32,
}

#[derive(Deserialize)]
struct Parameters {
    group_size: u32,
    bits: u32,
}

impl TryFrom<Parameters> for Affine {
    type Error = QuantError;

    fn try_from(Parameters { group_size, bits }: Parameters) -> Result<Self, QuantError> {
        Self::new(bits, group_size)
    }
}

impl Affine {
    /// Refuses what MLX refuses.
    pub fn new(bits: u32, group_size: u32) -> Result<Self, QuantError> {
        if !matches!(bits, 2..=6 | 8) {
            return Err(QuantError::Bits { bits });
        }
        if !matches!(group_size, 32 | 64 | 128) {
            return Err(QuantError::GroupSize { group_size });
        }
        Ok(Self { group_size, bits })
    }

    /// Bits of one code.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Elements that share a scale and a bias.
    pub fn group_size(self) -> u32 {
        self.group_size
    }

    /// Whether rows of this length split into whole groups.
    pub fn divides(self, columns: usize) -> bool {
        columns > 0 && columns.is_multiple_of(self.group_size as usize)
    }

    /// Number of 32-bit words that a row of this length is packed into.
    pub fn words(self, columns: usize) -> usize {
        columns * self.bits as usize / 32
    }

    /// Number of groups in a row of this length.
    pub fn groups(self, columns: usize) -> usize {
        columns / self.group_size as usize
    }

    fn group_bytes(self) -> usize {
        (self.group_size * self.bits / 8) as usize
    }
}

fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), QuantError> {
    if found == expected { Ok(()) } else { Err(QuantError::Length { what, found, expected }) }
}

#[cfg(test)]
mod tests;
