//! `config.json` and its neighbours: which graph, which head, which limits.

use std::path::Path;

use serde_json::Value;

use crate::{
    architecture::Architecture,
    blueprint::{Blueprint, Graph, Limits, head::Head},
    json::{self, Json},
    pooling::{self, Sentences},
    quantization::QuantizationConfig,
};

pub use crate::error::ConfigError;

/// A model's configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Which architecture.
    pub architecture: &'static Architecture,
    /// Its graph, with its sizes.
    pub graph: Graph,
    /// Width of the token states.
    pub hidden_size: usize,
    /// Ids that have a place in a table.
    pub limits: Limits,
    /// What it gives out; `None` for a bare encoder.
    pub head: Option<Head>,
    /// Class names in the order of the logits.
    pub labels: Vec<String>,
    /// Quantization of the stored weights.
    pub quantization: Option<QuantizationConfig>,
    /// `max_seq_length` of sentence-transformers, when given.
    pub sentence_limit: Option<usize>,
    /// `do_lower_case` of sentence-transformers.
    pub lower_case: bool,
    /// `tokenizer_class`, when given.
    pub tokenizer_class: Option<String>,
}

impl ModelConfig {
    /// Reads a model folder.
    pub fn open(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join("config.json");
        if !path.is_file() {
            return Err(ConfigError::Missing { folder: folder.to_owned() });
        }
        let json: Value = json::read(&path)?;
        let untyped = || ConfigError::Inconsistent(format!("`{}` has no `model_type`", path.display()));
        let model_type = json["model_type"].as_str().ok_or_else(untyped)?;
        let architecture = Architecture::from_model_type(model_type)?;
        let Sentences { head: pooling, limit: sentence_limit, lower_case } = pooling::open(folder)?;
        let classifier =
            json["architectures"][0].as_str().is_some_and(|name| name.ends_with("ForSequenceClassification"));
        let labels = if classifier {
            labels(&json, architecture.default_labels()).map_err(ConfigError::Inconsistent)?
        } else {
            Vec::new()
        };
        let json = Json { path: &path, value: &json };
        let blueprint = architecture.read(&json, labels.len())?;
        let Blueprint { graph, hidden_size, limits, classifier: head } = blueprint;
        let head = pooling.or(classifier.then_some(head));
        let quantization = QuantizationConfig::read(json.value, architecture)?;
        let tokenizer_class = json.value["tokenizer_class"].as_str().map(str::to_owned);
        Ok(Self {
            architecture,
            graph,
            hidden_size,
            limits,
            head,
            labels,
            quantization,
            sentence_limit,
            lower_case,
            tokenizer_class,
        })
    }

    /// Whether another `config.json` describes the same graph.
    pub(crate) fn has_graph_of(&self, json: &Value, path: &Path) -> Result<bool, ConfigError> {
        let other = self.architecture.read(&Json { path, value: json }, self.labels.len())?;
        Ok((&other.graph, other.hidden_size, other.limits) == (&self.graph, self.hidden_size, self.limits))
    }

    /// What an artefact calls a tensor, given its canonical name and that in the checkpoint.
    pub(crate) fn stored_name(&self, name: &str, raw: &str) -> String {
        self.architecture.stored(name, raw, !self.labels.is_empty())
    }
}

/// `id2label` in the order of its ids. Without one the classes are `LABEL_0`, `LABEL_1`, …, `default` of them
/// unless `num_labels` says otherwise.
fn labels(json: &Value, default: u64) -> Result<Vec<String>, String> {
    let Some(map) = json["id2label"].as_object() else {
        // The weights will tell; until then nobody gets to ask for gigabytes of names.
        return match json["num_labels"].as_u64().unwrap_or(default) {
            count @ 1..=100_000 => Ok((0..count).map(|index| format!("LABEL_{index}")).collect()),
            count => Err(format!("`num_labels` is {count}")),
        };
    };
    if map.is_empty() {
        return Err("`id2label` is empty".to_owned());
    }
    let mut labels = vec![None; map.len()];
    for (id, label) in map {
        let slot = id.parse::<usize>().ok().and_then(|id| labels.get_mut(id));
        let slot = slot.ok_or_else(|| format!("`id2label` has {} entries and the id `{id}`", map.len()))?;
        *slot = Some(label.as_str().map_or_else(|| label.to_string(), str::to_owned));
    }
    labels.into_iter().collect::<Option<_>>().ok_or_else(|| "`id2label` names an id twice".to_owned())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
