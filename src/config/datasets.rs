//! `datasets:` of a configuration file, in the format users know from the Python pipeline, with
//! columns and label names.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    dataset::{
        DatasetSpec, Task,
        manifest::{Columns, LabelNames},
    },
    model::tokenizer::Truncation,
};

/// One configured dataset. Its name is its key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetEntry {
    /// `huggingface` or `local`.
    pub provider: Provider,
    /// Id on the Hub, or path of a local file.
    pub name: String,
    /// Configuration of the dataset on the Hub.
    pub subset: Option<String>,
    /// Commit, tag or branch on the Hub.
    pub revision: Option<String>,
    /// Split by role; `validation` is measured unless `--split` names another.
    #[serde(default)]
    pub splits: BTreeMap<String, String>,
    /// Metrics of interest, the first being the one that is judged.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// How texts are made to fit.
    #[serde(default)]
    pub preprocessing: PreprocessingEntry,
    /// Column names where they cannot be guessed.
    #[serde(default)]
    pub columns: ColumnsEntry,
    /// Class names in the order of the numbers in the files.
    pub label_names: Option<Vec<String>>,
    /// Dataset label to model class, where names differ.
    pub label_map: Option<BTreeMap<String, String>>,
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The Hugging Face Hub.
    Huggingface,
    /// A file.
    Local,
}

/// A metric by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of right answers.
    Accuracy,
    /// Mean of the classes' F1.
    #[serde(alias = "f1")]
    MacroF1,
    /// Matthews' correlation coefficient.
    #[serde(alias = "matthews_correlation")]
    Mcc,
    /// Rank correlation of scores.
    #[serde(alias = "spearmanr")]
    Spearman,
    /// Linear correlation of scores.
    #[serde(alias = "pearsonr")]
    Pearson,
}

/// How texts are made to fit.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessingEntry {
    /// Limit in tokens beside the model's own.
    pub max_length: Option<usize>,
    /// Which text of a pair gives way.
    #[serde(default)]
    pub truncation: Truncation,
    /// Accepted for older files; batches are padded to their longest row at most.
    pub padding: Option<Padding>,
    /// Accepted for older files; the Hub's own cache is used.
    pub cache_dir: Option<String>,
}

/// Paddings that older files may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// To the longest row of a batch.
    Longest,
    /// To the limit; not done, since it changes no result.
    MaxLength,
}

/// Column names.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnsEntry {
    /// The text, or the first of two.
    pub text: Option<String>,
    /// The second text of a pair.
    pub pair: Option<String>,
    /// The label or score.
    pub label: Option<String>,
}

impl DatasetEntry {
    /// The split that is measured unless another is named.
    pub fn default_split(&self) -> &str {
        let role = ["validation", "test", "train"].into_iter().find_map(|role| self.splits.get(role));
        role.or_else(|| self.splits.values().next()).map_or("validation", String::as_str)
    }

    /// The real name of a split given by role or by name.
    pub fn split<'a>(&'a self, word: &'a str) -> &'a str {
        self.splits.get(word).map_or(word, String::as_str)
    }

    /// Whether scores are compared instead of classes.
    pub fn task(&self) -> Option<Task> {
        match self.metrics.first() {
            Some(Metric::Spearman | Metric::Pearson) => Some(Task::Similarity),
            Some(_) => Some(Task::Classification),
            None => None,
        }
    }

    /// What the loader must know.
    pub fn spec(&self, name: &str, split: &str, source: String, revision: Option<String>) -> DatasetSpec {
        let ColumnsEntry { text, pair, label } = self.columns.clone();
        DatasetSpec {
            name: name.to_owned(),
            split: split.to_owned(),
            source,
            revision,
            task: self.task(),
            columns: Columns { text, pair, label },
            labels: self.label_names.clone().map_or(LabelNames::Unknown, LabelNames::Ordered),
        }
    }
}
