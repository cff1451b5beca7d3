//! What is to be done to a model, apart from any model.

use std::collections::BTreeMap;

use gatecheck_base::fs::sha256;
use serde::{Deserialize, Serialize};

use super::ConvertError;
use crate::quant::{Affine, Float};

/// Version of what the converter makes of a recipe. Raised when the same recipe gives other bytes.
///
/// 1: the first.
const FORMAT_VERSION: u32 = 1;
/// Group size when none is given, as in mlx-lm.
pub const GROUP_SIZE: u32 = 64;
/// Word embeddings take at least this many bits when nothing else is said: a table is looked up, not
/// multiplied, so fewer bits save little time, and its errors enter at the first layer.
pub const EMBEDDING_BITS: u32 = 8;

/// How a model is converted. Two artefacts of the same recipe and inputs are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    format_version: u32,
    bits: u32,
    group_size: Option<u32>,
    embedding_bits: Option<u32>,
    dtype: Option<Float>,
}

impl Recipe {
    /// Checks the choices. `bits` is 2, 3, 4, 5, 6 or 8, or 16 or 32 for unquantized weights, where
    /// group size and embedding bits are of no account.
    pub fn new(
        bits: u32,
        group_size: Option<u32>,
        embedding_bits: Option<u32>,
        dtype: Option<Float>,
    ) -> Result<Self, ConvertError> {
        let contradiction = |dtype: Float| ConvertError::Contradiction { bits, dtype: dtype.name() };
        let unquantized = |dtype| Self {
            format_version: FORMAT_VERSION,
            bits,
            group_size: None,
            embedding_bits: None,
            dtype,
        };
        match (bits, dtype) {
            (16, Some(dtype @ Float::Float32)) => Err(contradiction(dtype)),
            (32, Some(dtype @ (Float::Float16 | Float::Bfloat16))) => Err(contradiction(dtype)),
            (16, dtype) => Ok(unquantized(dtype)),
            (32, _) => Ok(unquantized(Some(Float::Float32))),
            _ => {
                let group_size = group_size.unwrap_or(GROUP_SIZE);
                Affine::new(bits, group_size)?;
                let embedding_bits = embedding_bits.unwrap_or(bits.max(EMBEDDING_BITS));
                if embedding_bits != 16 {
                    Affine::new(embedding_bits, group_size)?;
                }
                let (group_size, embedding_bits) = (Some(group_size), Some(embedding_bits));
                Ok(Self { format_version: FORMAT_VERSION, bits, group_size, embedding_bits, dtype })
            }
        }
    }

    /// Bits per weight of the linear layers; 16 and 32 mean unquantized.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// How linear layers are quantized, if they are.
    pub fn linear(&self) -> Option<Affine> {
        self.affine(self.bits)
    }

    /// How the word-embedding table is quantized, if it is.
    pub fn embedding(&self) -> Option<Affine> {
        self.affine(self.embedding_bits?)
    }

    fn affine(&self, bits: u32) -> Option<Affine> {
        Affine::new(bits, self.group_size?).ok()
    }

    /// The element type that floats of type `source` are stored in: the source's own, except that 32 bits
    /// become 16 unless the recipe says otherwise.
    pub fn stored(&self, source: Float) -> Float {
        match (self.dtype, source) {
            (Some(dtype), _) => dtype,
            (None, Float::Float32) => Float::Float16,
            (None, source) => source,
        }
    }

    /// The end of an artefact's name: `q8`, `fp16`, `bf16` or `fp32`.
    pub fn suffix(&self) -> String {
        match (self.bits, self.dtype) {
            (16, Some(Float::Bfloat16)) => "bf16".to_owned(),
            (16, _) => "fp16".to_owned(),
            (32, _) => "fp32".to_owned(),
            (bits, _) => format!("q{bits}"),
        }
    }

    /// Checksum of the recipe and of every input file, which decides whether an artefact is up to date.
    pub fn sha256(&self, inputs: &BTreeMap<String, String>) -> String {
        #[derive(Serialize)]
        struct Canonical<'a> {
            recipe: &'a Recipe,
            inputs: &'a BTreeMap<String, String>,
        }
        let canonical = serde_json::to_vec(&Canonical { recipe: self, inputs });
        sha256(&canonical.unwrap_or_default())
    }

    pub(super) fn nothing_quantized(&self, folder: &std::path::Path) -> ConvertError {
        let group_size = self.group_size.unwrap_or_default();
        ConvertError::NothingQuantized { folder: folder.to_owned(), bits: self.bits, group_size }
    }
}

impl TryFrom<u32> for Recipe {
    type Error = ConvertError;

    /// The default recipe at so many bits.
    fn try_from(bits: u32) -> Result<Self, ConvertError> {
        Self::new(bits, None, None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        let four = Recipe::try_from(4).unwrap();
        assert_eq!(four.linear(), Affine::new(4, 64).ok());
        assert_eq!(four.embedding(), Affine::new(8, 64).ok());
        assert_eq!(four.stored(Float::Float32), Float::Float16);
        assert_eq!(four.stored(Float::Bfloat16), Float::Bfloat16);
        let half = Recipe::new(16, Some(7), None, None).unwrap();
        assert_eq!((half.linear(), half.embedding(), half.suffix()), (None, None, "fp16".to_owned()));
        assert_eq!(Recipe::try_from(32).unwrap().stored(Float::Float16), Float::Float32);
    }

    #[test]
    fn refuses_what_mlx_cannot_do() {
        for (bits, group_size, embedding_bits, dtype) in [
            (7, None, None, None),
            (4, Some(48), None, None),
            (4, None, Some(9), None),
            (16, None, None, Some(Float::Float32)),
            (32, None, None, Some(Float::Float16)),
        ] {
            let error = Recipe::new(bits, group_size, embedding_bits, dtype).unwrap_err();
            assert!(error.hint().is_some(), "{error}");
        }
    }

    #[test]
    fn hash_depends_on_recipe_and_inputs() {
        let inputs = BTreeMap::from([("config.json".to_owned(), "00".to_owned())]);
        let hash = Recipe::try_from(8).unwrap().sha256(&inputs);
        assert_eq!(hash, Recipe::new(8, Some(64), Some(8), None).unwrap().sha256(&inputs));
        assert_ne!(hash, Recipe::try_from(6).unwrap().sha256(&inputs));
        assert_ne!(hash, Recipe::try_from(8).unwrap().sha256(&BTreeMap::new()));
    }

    #[test]
    fn canonical_json_is_stable() {
        let json = serde_json::to_string(&Recipe::try_from(4).unwrap()).unwrap();
        let expected = r#"{"format_version":1,"bits":4,"group_size":64,"embedding_bits":8,"dtype":null}"#;
        assert_eq!(json, expected);
    }
}
