//! What is to be done to a model, apart from any model.

use std::collections::BTreeMap;

use gatecheck_base::fs::sha256;
use serde::{Deserialize, Serialize};

use super::{
    ConvertError,
    rules::{Mixed, Rule},
};
use crate::quant::{Float, Mode, Scheme};

/// Version of what the converter makes of a recipe. Raised when the same recipe gives other bytes.
///
/// 1: the first. 2: tensors keep the names that they have in the source.
pub(super) const FORMAT_VERSION: u32 = 2;
/// Group size when none is given, as in mlx-lm.
pub const GROUP_SIZE: u32 = 64;
/// Word embeddings take at least this many bits when nothing else is said: a table is looked up, not
/// multiplied, so fewer bits save little time, and its errors enter at the first layer.
pub const EMBEDDING_BITS: u32 = 8;

/// How a model is converted. Two artefacts of the same recipe and inputs are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    format_version: u32,
    #[serde(default)]
    mode: Mode,
    bits: u32,
    group_size: Option<u32>,
    embedding_bits: Option<u32>,
    dtype: Option<Float>,
    /// Which modules get more bits than the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mixed: Option<Mixed>,
    /// What some modules get, whatever the rest says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule>,
    /// What the artefact is named after, in place of the bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// What may be chosen. What is left out is as the defaults say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Mode; affine if absent.
    pub mode: Mode,
    /// 2, 3, 4, 5, 6 or 8, or 16 or 32 for unquantized weights. A mode other than affine has its own.
    pub bits: Option<u32>,
    /// 32, 64 or 128. A mode other than affine has its own.
    pub group_size: Option<u32>,
    /// Bits of the word embeddings; 16 leaves them unquantized.
    pub embedding_bits: Option<u32>,
    /// Type of all floats.
    pub dtype: Option<Float>,
    /// Which modules get more bits.
    pub mixed: Option<Mixed>,
    /// What some modules get.
    pub rules: Vec<Rule>,
    /// What the artefact is named after.
    pub name: Option<String>,
}

impl Recipe {
    /// Checks the choices of affine quantization. Where `bits` is 16 or 32, group size and embedding bits are of no
    /// account.
    pub fn new(
        bits: u32,
        group_size: Option<u32>,
        embedding_bits: Option<u32>,
        dtype: Option<Float>,
    ) -> Result<Self, ConvertError> {
        Self::of(Choices { bits: Some(bits), group_size, embedding_bits, dtype, ..Choices::default() })
    }

    /// Checks the choices.
    pub fn of(choices: Choices) -> Result<Self, ConvertError> {
        let Choices { mode, bits, group_size, embedding_bits, dtype, mixed, rules, name } = choices;
        let own = (mixed.map(Mixed::low), mode.fixed());
        let bits = match own {
            (Some(low), None) => bits.unwrap_or(low),
            (Some(_), Some(_)) => return Err(ConvertError::MixedMode { mode: mode.name() }),
            (None, fixed) => bits.or(fixed.map(|(bits, _)| bits)).unwrap_or(8),
        };
        if let Some(mixed) = mixed.filter(|mixed| mixed.low() != bits) {
            return Err(ConvertError::MixedBits { mixed: mixed.name(), bits });
        }
        let plain = matches!(bits, 16 | 32);
        if plain {
            check_plain(bits, dtype)?;
        }
        let group_size = group_size.or(own.1.map(|(_, size)| size)).unwrap_or(GROUP_SIZE);
        let recipe = Self {
            format_version: FORMAT_VERSION,
            mode,
            bits,
            group_size: (!plain || !rules.is_empty()).then_some(group_size),
            embedding_bits: (!plain).then(|| embedding_bits.unwrap_or(bits.max(EMBEDDING_BITS))),
            dtype: if bits == 32 { Some(Float::Float32) } else { dtype },
            mixed,
            rules,
            name,
        };
        if !plain {
            Scheme::new(mode, bits, group_size)?;
            recipe.of_embedding()?;
        }
        Ok(recipe)
    }

    /// Bits per weight of the linear layers; 16 and 32 mean unquantized.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// How linear layers are quantized, if they are.
    pub fn linear(&self) -> Option<Scheme> {
        Scheme::new(self.mode, self.bits, self.group_size?).ok()
    }

    /// How the word-embedding table is quantized, if it is.
    pub fn embedding(&self) -> Option<Scheme> {
        self.of_embedding().ok().flatten()
    }

    /// In a mode without choice, 8 bits are those of `mxfp8`, which has the same groups as `mxfp4`.
    fn of_embedding(&self) -> Result<Option<Scheme>, ConvertError> {
        let (Some(bits), Some(group_size)) =
            (self.embedding_bits.filter(|bits| *bits != 16), self.group_size)
        else {
            return Ok(None);
        };
        match self.mode.fixed() {
            None => Ok(Some(Scheme::affine(bits, group_size)?)),
            Some((own, size)) if own == bits => Ok(Some(Scheme::new(self.mode, bits, size)?)),
            Some(_) if bits == 8 => Ok(Some(Scheme::new(Mode::Mxfp8, 8, 32)?)),
            Some(_) => Err(ConvertError::EmbeddingBits { mode: self.mode.name(), bits }),
        }
    }

    /// Which modules get more bits than the others, if some do.
    pub fn mixed(&self) -> Option<Mixed> {
        self.mixed
    }

    /// What some modules get, whatever the rest says: of several rules the first that matches.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether anything is quantized.
    pub fn quantizes(&self) -> bool {
        self.linear().is_some() || self.rules.iter().any(|rule| rule.scheme().is_some())
    }

    /// Whether this build makes the same bytes of it.
    pub fn is_current(&self) -> bool {
        self.format_version == FORMAT_VERSION
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

    /// The end of an artefact's name: `q8`, `mxfp4`, `mixed_2_6`, `fp16`, `bf16` or `fp32`, or the recipe's own name.
    pub fn suffix(&self) -> String {
        match (&self.name, self.bits, self.dtype) {
            (Some(name), ..) => name.clone(),
            _ if self.mixed.is_some() => self.mixed.map(Mixed::name).unwrap_or_default().to_owned(),
            (_, 16, Some(Float::Bfloat16)) => "bf16".to_owned(),
            (_, 16, _) => "fp16".to_owned(),
            (_, 32, _) => "fp32".to_owned(),
            _ if self.mode != Mode::Affine => self.mode.name().to_owned(),
            (_, bits, _) => format!("q{bits}"),
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

fn check_plain(bits: u32, dtype: Option<Float>) -> Result<(), ConvertError> {
    match (bits, dtype) {
        (16, Some(dtype @ Float::Float32)) | (32, Some(dtype @ (Float::Float16 | Float::Bfloat16))) => {
            Err(ConvertError::Contradiction { bits, dtype: dtype.name() })
        }
        _ => Ok(()),
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

    fn mode(mode: Mode) -> Choices {
        Choices { mode, ..Choices::default() }
    }

    #[test]
    fn defaults() {
        let four = Recipe::try_from(4).unwrap();
        assert_eq!(four.linear(), Scheme::affine(4, 64).ok());
        assert_eq!(four.embedding(), Scheme::affine(8, 64).ok());
        assert_eq!(four.stored(Float::Float32), Float::Float16);
        assert_eq!(four.stored(Float::Bfloat16), Float::Bfloat16);
        let half = Recipe::new(16, Some(7), None, None).unwrap();
        assert_eq!((half.linear(), half.embedding(), half.suffix()), (None, None, "fp16".to_owned()));
        assert_eq!(Recipe::new(16, None, None, Some(Float::Bfloat16)).unwrap().suffix(), "bf16");
        assert_eq!(Recipe::try_from(32).unwrap().stored(Float::Float16), Float::Float32);
    }

    #[test]
    fn modes_have_their_own_bits() {
        let [four, eight] = [Mode::Mxfp4, Mode::Mxfp8].map(|one| Recipe::of(mode(one)).unwrap());
        assert_eq!(four.linear(), Scheme::new(Mode::Mxfp4, 4, 32).ok());
        assert_eq!(four.embedding(), Scheme::new(Mode::Mxfp8, 8, 32).ok());
        assert_eq!((eight.embedding(), eight.suffix()), (eight.linear(), "mxfp8".to_owned()));
        let nvfp4 = Recipe::of(Choices { embedding_bits: Some(4), ..mode(Mode::Nvfp4) }).unwrap();
        assert_eq!(nvfp4.embedding(), Scheme::new(Mode::Nvfp4, 4, 16).ok());
        for wrong in [
            Choices { bits: Some(8), ..mode(Mode::Mxfp4) },
            Choices { group_size: Some(64), ..mode(Mode::Nvfp4) },
            Choices { embedding_bits: Some(6), ..mode(Mode::Mxfp4) },
            Choices { mixed: Mixed::of_name("mixed_2_6"), ..mode(Mode::Mxfp8) },
            Choices { mixed: Mixed::of_name("mixed_3_4"), bits: Some(4), ..Choices::default() },
        ] {
            let error = Recipe::of(wrong.clone()).unwrap_err();
            assert!(error.hint().is_some(), "{wrong:?}: {error}");
        }
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
        let expected = r#"{"format_version":2,"mode":"affine","bits":4,"group_size":64,"embedding_bits":8,"dtype":null}"#;
        assert_eq!(json, expected);
        let first = expected.replace("2,\"mode\":\"affine\"", "1");
        let older: Recipe = serde_json::from_str(&first).unwrap();
        assert!(!older.is_current());
    }
}
