//! What a run is told, a struct for each concern.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

use gatecheck_backend::{measure::machine::cores, mock::MockScript};
use gatecheck_model::tokenizer::Truncation;

use super::{arms::ArmKind, defaults};

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The arms, the baseline first.
    pub arms: Vec<ArmKind>,
    /// Weights per scale of the quantized arms.
    pub group_size: Option<u32>,
    /// Bits of their word embeddings.
    pub embedding_bits: Option<u32>,
}

/// Where artefacts lie, and whether they may be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefacts {
    /// Folder of the converted models.
    pub folder: PathBuf,
    /// Whether a missing one may be made.
    pub may_convert: bool,
}

/// How the texts of a dataset are put to a model, and its answers read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// Which text of a pair gives way.
    pub truncation: Truncation,
    /// Limit in tokens beside the model's own.
    pub max_length: Option<usize>,
    /// Whether the model is told the texts of a pair apart, whatever its tokenizer's files say.
    pub token_types: Option<bool>,
    /// Dataset label to model class, where names differ.
    pub label_map: Option<BTreeMap<String, String>>,
    /// Whether and how labels are put to the model as hypotheses.
    pub zero_shot: ZeroShotSettings,
}

/// Whether and how candidate labels are put to the model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZeroShotSettings {
    /// The model is for it: labels that it has no classes for become candidates.
    pub model_is_for_it: bool,
    /// The hypothesis with `{}` for the candidate; [`defaults::HYPOTHESIS`] if absent.
    pub hypothesis_template: Option<String>,
    /// What stands for each label of the dataset, in their order; their names if absent.
    pub candidate_labels: Option<Vec<String>>,
    /// Whether candidates are scored one by one instead of against each other.
    pub multi_label: bool,
}

/// How much is measured, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measuring {
    /// Rows per batch.
    pub batch_size: u32,
    /// Threads of each arm.
    pub threads: u32,
    /// Seed of every shuffle and resampling.
    pub seed: u64,
    /// Queries per arm in the latency phase.
    pub latency_queries: u32,
    /// Seconds after which an arm that gives no answer is given up.
    pub timeout_s: u64,
    /// Scripted arms, by name, for tests.
    pub mock: BTreeMap<String, MockScript>,
}

impl Default for Measuring {
    fn default() -> Self {
        Self {
            batch_size: defaults::BATCH_SIZE,
            threads: cores(),
            seed: defaults::SEED,
            latency_queries: defaults::LATENCY_QUERIES,
            timeout_s: defaults::TIMEOUT_S,
            mock: BTreeMap::new(),
        }
    }
}
