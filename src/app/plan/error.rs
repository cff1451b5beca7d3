//! Why a run cannot start.

use gatecheck_base::{fs::FileError, kind::ErrorKind, text};
use gatecheck_data::dataset::DatasetError;
use gatecheck_model::{
    candidate::CandidateError, config::ConfigError, convert::ConvertError, tokenizer::TokenizerError,
    weights::WeightError,
};

use super::labels::LabelError;

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
    /// A candidate that is none for the model.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// A recipe that cannot be.
    #[error(transparent)]
    Recipe(#[from] ConvertError),
    /// The labels of dataset and model.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// The dataset's texts.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing to measure.
    #[error("the dataset `{0}` has no row with a gold label")]
    NoRows(String),
    /// A quantized model as the original.
    #[error("`{folder}` is already quantized; a run compares an original with its conversion")]
    AlreadyQuantized {
        /// The folder.
        folder: String,
    },
    /// Two texts where one is read, or the other way round.
    #[error("the dataset `{0}` has one text a row; similarity needs two")]
    NoPair(String),
    /// Candidate labels for a model that does not tell what follows from a text.
    #[error("dataset `{dataset}` is for zero-shot classification, which needs a model of natural-language inference; this one's classes are {}", text::list(.classes, 12))]
    NoInference {
        /// The dataset.
        dataset: String,
        /// The model's classes.
        classes: Vec<String>,
    },
    /// Two texts where a zero-shot question reads one.
    #[error("the dataset `{0}` has two texts a row; zero-shot classification reads one")]
    PairForZeroShot(String),
    /// More candidates than labels, or fewer.
    #[error("dataset `{dataset}` has {} candidate labels for its {} labels {}", .candidates.len(), .labels.len(), text::list(.labels, 12))]
    Candidates {
        /// The dataset.
        dataset: String,
        /// Its labels.
        labels: Vec<String>,
        /// The candidates.
        candidates: Vec<String>,
    },
    /// Numbers as candidates.
    #[error("the labels of dataset `{0}` have no names, so there is nothing to ask the model")]
    NamelessCandidates(String),
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
            Self::Candidate(error) => error.hint(),
            Self::Recipe(error) => error.hint(),
            Self::Labels(error) => error.hint(),
            Self::Dataset(error) => error.hint(),
            Self::AlreadyQuantized { .. } => Some("give the original model as `--model`".to_owned()),
            Self::WithoutMlx(_) => Some(
                "build with the default features (`make build`), or compare `--arms candle,candle`"
                    .to_owned(),
            ),
            Self::NoRows(_) => {
                Some("rows with label -1, null or nothing are left out; check the label column".to_owned())
            }
            Self::NoInference { .. } => Some(
                "take a model with a class called `entailment`, or one whose classes are the dataset's labels"
                    .to_owned(),
            ),
            Self::PairForZeroShot(_) => Some(
                "name the text to be classified in the dataset's entry, under `columns: {text: …}`".to_owned(),
            ),
            Self::Candidates { .. } => {
                Some("give `candidate_labels` one for each label, in the order of `label_names`".to_owned())
            }
            Self::NamelessCandidates(_) => {
                Some("give the dataset's entry `label_names`, or `candidate_labels`".to_owned())
            }
            Self::NoPair(_) | Self::File(_) => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Weights(error) => error.kind(),
            Self::Tokenizer(error) => error.kind(),
            Self::Candidate(error) => error.kind(),
            Self::Recipe(error) => error.kind(),
            Self::Dataset(error) => error.kind(),
            Self::File(error) => error.kind(ErrorKind::Model),
            Self::Labels(_)
            | Self::NoRows(_)
            | Self::AlreadyQuantized { .. }
            | Self::NoPair(_)
            | Self::NoInference { .. }
            | Self::PairForZeroShot(_)
            | Self::Candidates { .. }
            | Self::NamelessCandidates(_)
            | Self::WithoutMlx(_) => ErrorKind::Usage,
        }
    }
}
