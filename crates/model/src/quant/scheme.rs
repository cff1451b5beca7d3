//! How a matrix is quantized: MLX's mode, bits and group size.

use serde::{Deserialize, Serialize};

use super::{Float, QuantError, microscaling};

/// What a group of weights shares, and what a code stands for. The names are MLX's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Whole numbers between a scale and a bias, both floats.
    #[default]
    Affine,
    /// 4-bit floats (E2M1) times a power of two, of the
    /// [OCP microscaling formats](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf).
    Mxfp4,
    /// 8-bit floats (E4M3) times a power of two, of the same.
    Mxfp8,
    /// 4-bit floats (E2M1) times an 8-bit float (E4M3), as NVIDIA has them; without a scale of the whole tensor.
    Nvfp4,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Affine, Self::Mxfp4, Self::Mxfp8, Self::Nvfp4];

    /// MLX's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Affine => "affine",
            Self::Mxfp4 => "mxfp4",
            Self::Mxfp8 => "mxfp8",
            Self::Nvfp4 => "nvfp4",
        }
    }

    /// The mode of MLX's word.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Bits and group size, where the mode leaves no choice.
    pub fn fixed(self) -> Option<(u32, u32)> {
        match self {
            Self::Affine => None,
            Self::Mxfp4 => Some((4, 32)),
            Self::Mxfp8 => Some((8, 32)),
            Self::Nvfp4 => Some((4, 16)),
        }
    }
}

/// Mode, bits and group size, checked against what MLX can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parameters")]
pub struct Scheme {
    group_size: u32,
    bits: u32,
    mode: Mode,
}

#[derive(Deserialize)]
struct Parameters {
    group_size: u32,
    bits: u32,
    // Older artefacts, and the exceptions of other tools, do without.
    #[serde(default)]
    mode: Mode,
}

impl TryFrom<Parameters> for Scheme {
    type Error = QuantError;

    fn try_from(Parameters { group_size, bits, mode }: Parameters) -> Result<Self, QuantError> {
        Self::new(mode, bits, group_size)
    }
}

impl Scheme {
    /// Refuses what MLX refuses.
    pub fn new(mode: Mode, bits: u32, group_size: u32) -> Result<Self, QuantError> {
        match mode.fixed() {
            None if !matches!(bits, 2..=6 | 8) => Err(QuantError::Bits { bits }),
            None if !matches!(group_size, 32 | 64 | 128) => Err(QuantError::GroupSize { group_size }),
            Some(fixed) if fixed != (bits, group_size) => {
                Err(QuantError::Fixed { mode: mode.name(), bits: fixed.0, group_size: fixed.1 })
            }
            _ => Ok(Self { group_size, bits, mode }),
        }
    }

    /// Affine quantization.
    pub fn affine(bits: u32, group_size: u32) -> Result<Self, QuantError> {
        Self::new(Mode::Affine, bits, group_size)
    }

    /// The mode.
    pub fn mode(self) -> Mode {
        self.mode
    }

    /// Bits of one code.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Elements that share a scale.
    pub fn group_size(self) -> u32 {
        self.group_size
    }

    /// Whether groups have a bias beside their scale.
    pub fn has_biases(self) -> bool {
        self.mode == Mode::Affine
    }

    /// What the byte of a scale stands for, in the modes that have such.
    pub fn decode_scale(self, byte: u8) -> f32 {
        microscaling::scale(self.mode, byte)
    }

    /// Bytes of one scale, and of one bias, of weights of type `float`.
    pub fn scale_bytes(self, float: Float) -> usize {
        if self.has_biases() { float.bytes() } else { 1 }
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

    /// Bytes of the codes of one group.
    pub(super) fn group_bytes(self) -> usize {
        (self.group_size * self.bits / 8) as usize
    }
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { group_size, bits, mode } = self;
        match mode {
            Mode::Affine => write!(formatter, "{bits} bits, groups of {group_size}"),
            _ => write!(formatter, "{}", mode.name()),
        }
    }
}
