//! `datasets:` of a configuration file, in the format users know from the Python pipeline, with
//! columns and label names.

use std::collections::BTreeMap;

use gatecheck_base::text;
use gatecheck_data::dataset::{
    DatasetSpec,
    manifest::{Columns, LabelNames},
};
use gatecheck_judge::task::{Metric, MetricError, Task};
use gatecheck_model::tokenizer::Truncation;
use serde::Deserialize;

use super::error::Complaint;

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
    /// What is asked, in a word of [`Task::words`]; told by the metrics if absent.
    pub task: Option<String>,
    /// Split by role; `--split` names the one that is measured, else it is validation, test or train, whichever is first there.
    #[serde(default)]
    pub splits: BTreeMap<String, String>,
    /// The metrics that are shown, the first being the one that is judged.
    #[serde(default)]
    pub metrics: Vec<String>,
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
    /// Hypothesis of a zero-shot question, with `{}` for the candidate.
    pub hypothesis_template: Option<String>,
    /// What stands for each label in a zero-shot question, in the order of `label_names`.
    pub candidate_labels: Option<Vec<String>>,
    /// Whether candidates are scored one by one instead of against each other.
    #[serde(default)]
    pub multi_label: bool,
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

    /// What is asked: as `task` says, or else the first of the metrics that belongs to a task.
    pub fn task(&self) -> Option<Task> {
        let told = || self.metrics.iter().filter_map(|word| Metric::of_word(word)).find_map(Task::of);
        self.task.as_deref().map_or_else(told, Task::of_word)
    }

    /// The metrics, if they are those of the task.
    fn metrics(&self) -> Result<Vec<Metric>, MetricError> {
        self.task().unwrap_or(Task::Classification).chosen(&self.metrics)
    }

    /// What is wrong with the values, if anything is.
    pub(super) fn complaint(&self) -> Option<Complaint> {
        if let Some(word) = self.task.as_ref().filter(|word| Task::of_word(word).is_none()) {
            let words: Vec<&str> = Task::words().collect();
            let reason = format!("`task` is `{word}`; it must be one of {}", text::list(&words, words.len()));
            let meant = text::nearest(word, words);
            return Some(Complaint { reason, hint: meant.map(|meant| format!("did you mean `{meant}`?")) });
        }
        if let Err(error) = self.metrics() {
            return Some(Complaint { reason: error.to_string(), hint: error.hint() });
        }
        self.complaint_of_zero_shot().map(Complaint::from)
    }

    fn complaint_of_zero_shot(&self) -> Option<String> {
        if let Some(template) = &self.hypothesis_template
            && (template.matches("{}").count() != 1 || template.matches(['{', '}']).count() != 2)
        {
            return Some(format!(
                "`hypothesis_template` is `{template}`; it must have one `{{}}`, where the candidate stands"
            ));
        }
        let candidates = self.candidate_labels.as_ref()?;
        if let Some(names) = self.label_names.as_ref().filter(|names| names.len() != candidates.len()) {
            let (names, count) = (names.len(), candidates.len());
            return Some(format!(
                "{count} `candidate_labels` for {names} `label_names`; each label needs one"
            ));
        }
        let twice = |(place, candidate): &(usize, &String)| candidates[..*place].contains(candidate);
        let (_, candidate) = candidates.iter().enumerate().find(twice)?;
        Some(format!("`candidate_labels` has `{candidate}` twice"))
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
            // Checked when the file was read.
            metrics: self.metrics().unwrap_or_default(),
            columns: Columns { text, pair, label },
            labels: self.label_names.clone().map_or(LabelNames::Unknown, LabelNames::Ordered),
        }
    }
}
