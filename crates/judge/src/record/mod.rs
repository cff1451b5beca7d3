//! The raw facts of one run of one cell (a model on a dataset), as stored in `record.json` and, what there is
//! one of per example or call, in `record.safetensors` ([`read`], [`write`]).
//!
//! A record is written once and never rewritten; everything a report shows is computed from it
//! by [`crate::analysis`]. Times are nanoseconds, sizes and memory are bytes.
//!
//! Versions of the format ([`SCHEMA_VERSION`]):
//! - 1: first version.
//! - 2: `dataset.labels` and `dataset.zero_shot`; a record without them reads as one whose labels met
//!   by name.
//! - 3: `dataset.metrics` and `dataset.token_types`; `dataset.task` tells `zero-shot` apart, which was a
//!   `classification` before; the columns lie in a file of their own; environment, device, execution and memory belong to a
//!   session of an arm, and a call names its session; `engine` of a session takes the place of
//!   `environment.libraries`. Older records read as one session per arm.
//! - 4: `given` of an arm, `mode` and `mixed` of its quantization.

mod arm;
mod columns;
mod file;
mod older;
mod session;

use serde::{Deserialize, Serialize};

pub use crate::engine::{Engine, Kernel, Library};
use crate::task::{Metric, Task};

pub use self::{
    arm::{ArmRecord, Call, Failure, Given, Quantization, Role},
    file::{COLUMNS, RECORD, RecordError, read, write},
    session::{Environment, Memory, Session},
};

/// The version of the record format that this build writes.
pub const SCHEMA_VERSION: u32 = 4;

/// The oldest version that this build reads.
pub const OLDEST_VERSION: u32 = 1;

/// Everything measured in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Format version, [`SCHEMA_VERSION`] when written by this build.
    pub schema_version: u32,
    /// Version of gatecheck that measured.
    pub tool_version: String,
    /// Start of the run, seconds since 1970-01-01 UTC.
    pub started_unix_s: u64,
    /// Wall time of the whole cell, from resolved plan to last answer; pauses before it was resumed do not count.
    pub wall_ns: u64,
    /// Seed of every resampling and shuffle.
    pub seed: u64,
    /// The model.
    pub model: ModelFacts,
    /// The dataset and what tokenisation made of it.
    pub dataset: DatasetFacts,
    /// How the run was set up.
    pub settings: RunSettings,
    /// The limits that were in force; `report` judges by these unless told otherwise.
    pub policy: Policy,
    /// Gold labels (position in `dataset.labels.names`) or scores, in dataset order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gold: Vec<f64>,
    /// Real tokens per example (both texts of a similarity pair, all hypotheses of a zero-shot question
    /// together), in dataset order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// One entry per arm, in the order asked for; the first is the baseline.
    pub arms: Vec<ArmRecord>,
    /// Doubts about the measurement, in plain words.
    pub warnings: Vec<String>,
    /// True unless everything was measured: the run was stopped or killed, or is still at work.
    pub interrupted: bool,
}

impl RunRecord {
    /// What is asked. Before version 3 a zero-shot question was written as a classification.
    pub fn task(&self) -> Task {
        if self.dataset.zero_shot.is_some() { Task::ZeroShot } else { self.dataset.task }
    }

    /// The quality metrics that are shown, the first of which is judged.
    pub fn metrics(&self) -> &[Metric] {
        if self.dataset.metrics.is_empty() { self.task().metrics() } else { &self.dataset.metrics }
    }

    /// The metric that is judged.
    pub fn judged_metric(&self) -> Metric {
        self.dataset.metrics.first().copied().unwrap_or_else(|| self.task().judged())
    }

    /// Names of the classes that are scored.
    pub fn label_names(&self) -> &[String] {
        Labels::names_or(self.dataset.labels.as_ref(), &self.model.labels)
    }

    /// What all sessions of all arms say of the machine, in one: that of the first, with the libraries of all
    /// and the load after the last.
    pub fn environment(&self) -> Environment {
        session::merged(self.arms.iter().flat_map(|arm| &arm.sessions))
    }

    /// How many machines the sessions ran on, as far as can be told.
    pub fn machines(&self) -> usize {
        session::machines(self.arms.iter().flat_map(|arm| &arm.sessions))
    }
}

/// Which model was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFacts {
    /// Name as given or configured.
    pub name: String,
    /// Folder or Hub id it came from.
    pub source: String,
    /// Commit on the Hub, when it came from there.
    pub revision: Option<String>,
    /// `model_type`, such as `bert`.
    pub architecture: String,
    /// SHA-256 over the checksums of its files: configuration, tokenizer, weights.
    pub sha256: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Class names in the order of the logits; empty for embeddings.
    pub labels: Vec<String>,
}

/// Which rows were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetFacts {
    /// Name as given or configured.
    pub name: String,
    /// Split, such as `validation_matched`.
    pub split: String,
    /// File or Hub id the rows came from.
    pub source: String,
    /// Commit on the Hub, when it came from there.
    pub revision: Option<String>,
    /// SHA-256 of the file; of several files, of their checksums one after the other.
    pub sha256: String,
    /// What is asked; see [`RunRecord::task`].
    pub task: Task,
    /// The quality metrics asked for, the first of which is judged; empty for those of the task.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// The classes that are scored; `None` for similarity.
    #[serde(default)]
    pub labels: Option<Labels>,
    /// How candidate labels were put to the model; `None` unless that was done.
    #[serde(default)]
    pub zero_shot: Option<ZeroShot>,
    /// Whether the model was told the texts of a pair apart; `None` in records of earlier builds.
    #[serde(default)]
    pub token_types: Option<TokenTypes>,
    /// Examples measured.
    pub rows: u64,
    /// Rows left out because they carry no gold label.
    pub dropped_without_label: u64,
    /// Examples cut to the model's limit.
    pub truncated: u64,
    /// The limit in tokens.
    pub max_length: u32,
    /// Real tokens in one pass over the set.
    pub real_tokens: u64,
    /// Tokens in one pass when every batch is padded to its longest row.
    pub padded_tokens: u64,
}

/// Whether the model is told which text of a pair each token belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenTypes {
    /// Whether it is told; otherwise it takes every token for one of the first text.
    pub fed: bool,
    /// What decided, in plain words, such as ``tokenizer class `BertTokenizer` ``.
    pub rule: String,
    /// Versions of transformers that would decide otherwise, where the dataset has pairs.
    pub unlike: Vec<String>,
}

/// The classes that are scored, and what counts as which of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Their names, in the order that gold, recall and confusion count.
    pub names: Vec<String>,
    /// How the labels of dataset and model meet in them.
    pub rule: LabelRule,
    /// The labels of the dataset.
    pub dataset: Vec<LabelMeaning>,
    /// The classes of the model in the order of its logits; the one with the largest logit is the
    /// answer, and counts as it says here. Empty where each output is that of one name already.
    pub model: Vec<LabelMeaning>,
}

impl Labels {
    /// Names of the classes that are scored, which are the model's own where nothing else is said.
    pub fn names_or<'a>(labels: Option<&'a Self>, model: &'a [String]) -> &'a [String] {
        labels.map_or(model, |labels| &labels.names)
    }
}

/// What a label counts as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelMeaning {
    /// The label as dataset or model call it.
    pub label: String,
    /// Position in `names`.
    pub class: u32,
}

/// How the labels of dataset and model meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelRule {
    /// Both use the same names.
    ByName,
    /// As `label_map` of the configuration says; what it leaves out, by name.
    LabelMap,
    /// The dataset tells three relations, the model two: the dataset's neutral and contradiction count
    /// as not entailment.
    FoldedGold,
    /// The dataset tells two relations, the model three: an answer of neutral or contradiction counts
    /// as not entailment.
    FoldedPredictions,
    /// The labels were put to the model as hypotheses.
    ZeroShot,
}

/// How candidate labels were put to a model of natural-language inference: every example is the
/// premise of one hypothesis per candidate, and the candidate with the largest output is the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZeroShot {
    /// The hypothesis; a candidate stands in the place of `{}`.
    pub hypothesis_template: String,
    /// The candidates, in the order of `labels.names`.
    pub candidate_labels: Vec<String>,
    /// Whether candidates are scored one by one instead of against each other. The output of a candidate
    /// is the logit of `entailment`, and its score the softmax over the candidates; one by one, the
    /// output is that logit less the one of `against`, and the score its logistic function.
    pub multi_label: bool,
    /// The model's class that speaks for a candidate.
    pub entailment: String,
    /// The model's class that speaks against one.
    pub against: String,
}

/// How the run was set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// Rows per batch in the throughput phase.
    pub batch_size: u32,
    /// Threads given to each arm.
    pub threads: u32,
    /// How batches are made, in plain words.
    pub padding_rule: String,
    /// Confidence of every interval, such as 0.95.
    pub confidence: f64,
    /// Draws of every bootstrap.
    pub resamples: u32,
}

/// The limits of the gates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Largest allowed drop of the quality metric, absolute (0.015 is 1.5 points).
    pub max_accuracy_drop: f64,
    /// Smallest allowed speedup, baseline time / candidate time.
    pub min_speedup: f64,
    /// Where a speed verdict may be given.
    pub speed_on: SpeedOn,
    /// Allowed relative deviation from the target size.
    pub size_tolerance: f64,
    /// Target size of the artefact in MB (10^6 bytes); `None` takes the size computed from the recipe.
    pub target_size_mb: Option<f64>,
    /// Largest share of examples that may have been truncated for a quality verdict.
    pub max_truncated_share: f64,
    /// Turn inconclusive and not judged into failures.
    pub strict: bool,
}

/// Where a speed verdict may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpeedOn {
    /// Only where the candidate runs on an accelerator of a machine that is not virtual.
    Accelerator,
    /// Anywhere.
    Any,
}
