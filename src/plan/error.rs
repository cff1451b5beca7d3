//! Why a run cannot start.

use crate::{
    convert::ConvertError,
    fs::FileError,
    model::{config::ConfigError, labels::LabelError, tokenizer::TokenizerError, weights::WeightError},
};

/// Why a run cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The model's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its weights.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// Its tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The conversion.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The labels of dataset and model.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing to measure.
    #[error("the dataset `{0}` has no row with a gold label")]
    NoRows(String),
    /// `--no-convert` without an artefact.
    #[error("MLX model not found at {folder}")]
    NotConverted {
        /// Where it should be.
        folder: String,
        /// The model's name.
        model: String,
        /// The bits asked for.
        bits: u32,
    },
    /// The artefact there was made from something else.
    #[error("the artefact at {folder} was made with another recipe or from other files")]
    Stale {
        /// Where it is.
        folder: String,
    },
    /// A quantized model as the original.
    #[error("`{folder}` is already quantized; a run compares an original with its conversion")]
    AlreadyQuantized {
        /// The folder.
        folder: String,
    },
    /// Two texts where one is read, or the other way round.
    #[error("the dataset `{0}` has one text a row; similarity needs two")]
    NoPair(String),
    /// This build lacks MLX.
    #[error("arm `{0}`: built without MLX")]
    WithoutMlx(String),
}

impl PlanError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Weights(error) => error.hint(),
            Self::Tokenizer(error) => error.hint(),
            Self::Convert(error) => error.hint(),
            Self::Labels(error) => error.hint(),
            Self::NotConverted { model, bits, .. } => Some(format!(
                "make sure to run conversion first: `gatecheck convert --model {model} --bits {bits}`, or leave out \
                 `--no-convert`"
            )),
            Self::Stale { .. } => Some("leave out `--no-convert`, or convert with `--no-skip`".to_owned()),
            Self::AlreadyQuantized { .. } => Some("give the original model as `--model`".to_owned()),
            Self::WithoutMlx(_) => Some(
                "build with the default features (`make build`), or compare `--arms candle,candle`"
                    .to_owned(),
            ),
            Self::NoRows(_) => {
                Some("rows with label -1, null or nothing are left out; check the label column".to_owned())
            }
            Self::NoPair(_) | Self::File(_) => None,
        }
    }
}
