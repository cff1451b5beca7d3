//! `models:` of a configuration file, in the format users know from the Python pipeline.

use gatecheck_judge::task::Task;
use serde::Deserialize;

/// One configured model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// Name on the command line and of its artefacts.
    pub name: String,
    /// Id on the Hub.
    pub hf_name: String,
    /// Commit, tag or branch on the Hub.
    pub revision: Option<String>,
    /// What it is for, such as `zero-shot-classification`.
    #[serde(default)]
    pub task: String,
    /// Whether it is told the texts of a pair apart, whatever its tokenizer's files say.
    pub token_types: Option<bool>,
    /// How it is converted and judged.
    #[serde(default)]
    pub quantization: QuantizationEntry,
    /// Converted models that are there already, folders or Hub ids, measured when nothing else is named.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// Datasets it is measured on when none is named.
    #[serde(default)]
    pub benchmarks: Vec<String>,
}

impl ModelEntry {
    /// Whether labels that the model has no classes for are to be put to it as hypotheses.
    pub fn is_for_zero_shot(&self) -> bool {
        self.task == Task::ZeroShot.word()
    }
}

/// How a model is converted and judged.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizationEntry {
    /// Bits per weight.
    pub bits: Option<u32>,
    /// `int8`, `int4` …: kept for older files; it must agree with `bits`.
    pub dtype: Option<String>,
    /// Weights per scale.
    pub group_size: Option<u32>,
    /// Size that the artefact should have.
    pub target_size_mb: Option<TargetSize>,
    /// Largest allowed drop of the metric that is judged, absolute.
    pub max_accuracy_drop: Option<f64>,
}

/// A size in MB, or the one computed from the recipe.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum TargetSize {
    /// In MB (10^6 bytes).
    Megabytes(f64),
    /// `auto`.
    Word(String),
}

impl QuantizationEntry {
    /// The target in MB; `None` for `auto`.
    pub fn target_mb(&self) -> Option<f64> {
        match self.target_size_mb {
            Some(TargetSize::Megabytes(size)) => Some(size),
            _ => None,
        }
    }

    /// What is wrong with the values, if anything is.
    pub(super) fn complaint(&self) -> Option<String> {
        if let Some(TargetSize::Word(word)) = &self.target_size_mb
            && word != "auto"
        {
            return Some(format!("`target_size_mb` is `{word}`; it must be a number or `auto`"));
        }
        if self.target_mb().is_some_and(|size| !(size > 0.0 && size.is_finite())) {
            return Some("`target_size_mb` must be above 0".to_owned());
        }
        if let Some(drop) = self.max_accuracy_drop.filter(|drop| !(0.0..=1.0).contains(drop)) {
            return Some(format!("`max_accuracy_drop` is {drop}; it is a share from 0 to 1, such as 0.015"));
        }
        if let (Some(dtype), Some(bits)) = (&self.dtype, self.bits)
            && dtype.strip_prefix("int").is_some_and(|number| number != bits.to_string())
        {
            return Some(format!("`dtype` is `{dtype}` where `bits` is {bits}"));
        }
        None
    }
}
