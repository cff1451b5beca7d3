//! Everything that can stop a conversion.

use std::path::PathBuf;

use gatecheck_base::{fs::FileError, kind::ErrorKind};

use crate::{config::ConfigError, quant::QuantError, weights::WeightError};

/// Why there is no artefact.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration of the model cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights of the model cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// Quantization that MLX does not have.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// Bits and element type contradict each other.
    #[error("cannot store {bits}-bit weights as {dtype}")]
    Contradiction {
        /// Bits of the recipe.
        bits: u32,
        /// The element type asked for.
        dtype: &'static str,
    },
    /// A mixed recipe is affine.
    #[error("mixed recipes are affine, not `{mode}`")]
    MixedMode {
        /// The mode asked for.
        mode: &'static str,
    },
    /// A mixed recipe has bits of its own.
    #[error("`{mixed}` and {bits} bits contradict each other")]
    MixedBits {
        /// The recipe.
        mixed: &'static str,
        /// The bits asked for.
        bits: u32,
    },
    /// A mode without choice, and other bits for the word embeddings.
    #[error("word embeddings cannot have {bits} bits in mode `{mode}`")]
    EmbeddingBits {
        /// The mode.
        mode: &'static str,
        /// The bits asked for.
        bits: u32,
    },
    /// A recipe file that cannot be read.
    #[error("recipe `{}`: {reason}", path.display())]
    RecipeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// A pattern that is none.
    #[error("`{pattern}` is no pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A rule for nothing.
    #[error("`{pattern}` matches no module of the model")]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// A module that may be meant.
        nearest: Option<String>,
    },
    /// A rule for what cannot be quantized.
    #[error("`{pattern}` matches `{module}`, which cannot be quantized: {reason}")]
    Unquantizable {
        /// The pattern.
        pattern: String,
        /// A module that it matches.
        module: String,
        /// Why it cannot be.
        reason: String,
    },
    /// A name that would not be one folder.
    #[error("`{name}` cannot name an artefact")]
    Name {
        /// The name.
        name: String,
    },
    /// A tensor of whole numbers, or of floats that cannot be converted.
    #[error("tensor `{name}` has element type {found}, which cannot be converted")]
    ElementType {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// The recipe quantizes, and no tensor could be.
    #[error("no tensor of `{}` can be quantized to {bits} bits in groups of {group_size}", folder.display())]
    NothingQuantized {
        /// The source.
        folder: PathBuf,
        /// Bits of the recipe.
        bits: u32,
        /// Group size of the recipe.
        group_size: u32,
    },
    /// Another artefact is in the way.
    #[error("`{}` is there already, {what}", folder.display())]
    Exists {
        /// Where the artefact should go.
        folder: PathBuf,
        /// How it differs.
        what: &'static str,
    },
    /// A damaged artefact is in the way.
    #[error("`{}` is there already, and it is damaged: {reason}", folder.display())]
    Spoiled {
        /// Where the artefact should go.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Something is in the way that is not an artefact, so it is never replaced.
    #[error("`{}` is there already and is not a converted model", folder.display())]
    Foreign {
        /// Where the artefact should go.
        folder: PathBuf,
    },
    /// A file of the model is not what it was when its checksum was taken.
    #[error("`{}` changed while it was converted", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// What was written, or is read, is not what it should be.
    #[error("artefact `{}` is damaged: {reason}", folder.display())]
    Damaged {
        /// The artefact.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Nothing there that could be an artefact.
    #[error("`{}` is not a converted model: {reason}", folder.display())]
    NotAnArtefact {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        reason: &'static str,
    },
}

impl ConvertError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::File(_) | Self::ElementType { .. } => return None,
            Self::Config(error) => return error.hint(),
            Self::Weights(error) => return error.hint(),
            Self::Quant(QuantError::Bits { .. }) => {
                "MLX quantizes to 2, 3, 4, 5, 6 or 8 bits; 16 and 32 leave the weights unquantized"
            }
            Self::Quant(error) => return error.hint(),
            Self::Contradiction { bits: 32, .. } => "32 bits are float32; leave the element type out",
            Self::Contradiction { .. } => "use 32 bits for float32, or leave the element type out",
            Self::MixedMode { .. } => "leave one of the two out",
            Self::MixedBits { .. } => "leave the bits out",
            Self::EmbeddingBits { .. } => "take 8, 16 (unquantized), or the bits of the mode",
            Self::RecipeFile { .. } => {
                "a recipe has `bits`, `group_size`, `mode`, `embedding_bits`, `dtype`, and `rules` with a `pattern` each; \
                 docs/conversion.md shows one"
            }
            Self::Pattern { .. } => "`*` stands for any part of a path, as in `encoder.layer.*.output.dense`",
            Self::NoMatch { nearest: Some(nearest), .. } => {
                return Some(format!("is `{nearest}` meant? `--dry-run` lists all modules"));
            }
            Self::NoMatch { .. } => "`--dry-run` without the rule lists all modules",
            Self::Unquantizable { .. } => "leave it out of the pattern, or give it 16 bits",
            Self::Name { .. } => "use letters, digits, `-`, `_` and `.`, not starting with a dot",
            Self::NothingQuantized { .. } => {
                "choose a group size that divides the hidden size, or 16 bits to leave the weights unquantized"
            }
            Self::Exists { .. } | Self::Spoiled { .. } => {
                "replace it with `gatecheck convert --no-skip`, or choose another `--output-dir`"
            }
            Self::Foreign { .. } => "move it away, or choose another output folder",
            Self::Changed { .. } => "convert again when nothing writes into the model's folder any more",
            Self::Damaged { .. } => "convert again with `gatecheck convert --no-skip`",
            Self::NotAnArtefact { .. } => "convert the model first with `gatecheck convert`",
        };
        Some(hint.to_owned())
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File(error) => error.kind(ErrorKind::Model),
            Self::Config(error) => error.kind(),
            Self::Weights(error) => error.kind(),
            Self::Quant(_)
            | Self::Contradiction { .. }
            | Self::MixedMode { .. }
            | Self::MixedBits { .. }
            | Self::EmbeddingBits { .. }
            | Self::RecipeFile { .. }
            | Self::Pattern { .. }
            | Self::NoMatch { .. }
            | Self::Unquantizable { .. }
            | Self::Name { .. }
            | Self::NothingQuantized { .. }
            | Self::Exists { .. }
            | Self::Foreign { .. } => ErrorKind::Usage,
            Self::ElementType { .. }
            | Self::Changed { .. }
            | Self::Spoiled { .. }
            | Self::Damaged { .. }
            | Self::NotAnArtefact { .. } => ErrorKind::Model,
        }
    }
}
