//! `config.json` and its neighbours: which graph, which head, which limits.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    architecture::Architecture,
    blueprint::{Blueprint, Graph, Limits, head::Head},
    json::{self, Json},
    pooling,
    quant::Affine,
};

pub use crate::error::ConfigError;

/// Weights packed by affine group quantization, as the artefact's `config.json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizationConfig {
    /// Bits per weight unless overridden.
    pub bits: u32,
    /// Weights per group unless overridden.
    pub group_size: u32,
    /// Per-module overrides: module path, bits, group size.
    pub overrides: Vec<(String, u32, u32)>,
}

impl QuantizationConfig {
    /// Bits and group size of one module.
    pub fn of(&self, module: &str) -> (u32, u32) {
        self.overrides
            .iter()
            .find(|(name, ..)| name == module)
            .map_or((self.bits, self.group_size), |(_, bits, group_size)| (*bits, *group_size))
    }
}

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
        let malformed = |reason: String| ConfigError::Malformed { path: path.clone(), reason };
        let model_type =
            json["model_type"].as_str().ok_or_else(|| malformed("no `model_type`".to_owned()))?;
        let architecture = Architecture::from_model_type(model_type)?;
        let (pooling, sentence_limit) = pooling::open(folder)?;
        let classifier =
            json["architectures"][0].as_str().is_some_and(|name| name.ends_with("ForSequenceClassification"));
        let labels = if classifier {
            labels(&json, architecture.default_labels()).map_err(malformed)?
        } else {
            Vec::new()
        };
        let json = Json { path: &path, value: &json };
        let blueprint = architecture.read(&json, labels.len())?;
        let Blueprint { graph, hidden_size, limits, classifier: head } = blueprint;
        let head = pooling.or(classifier.then_some(head));
        let quantization = quantization(json.value).map_err(malformed)?;
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
            tokenizer_class,
        })
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

/// `quantization`, or `quantization_config` of the same form, as mlx-lm writes them.
fn quantization(json: &Value) -> Result<Option<QuantizationConfig>, String> {
    #[derive(Deserialize)]
    struct Module {
        bits: u32,
        group_size: u32,
    }
    let Some(map) =
        [&json["quantization"], &json["quantization_config"]].into_iter().find_map(Value::as_object)
    else {
        return Ok(None);
    };
    if let Some(mode) = map.get("mode").and_then(Value::as_str).filter(|mode| *mode != "affine") {
        return Err(format!("quantization mode `{mode}` is not implemented (only `affine`)"));
    }
    let number = |key: &str| {
        let value = map.get(key).and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok());
        value.ok_or_else(|| {
            format!("`quantization` has no `{key}`; only MLX's affine quantization can be read")
        })
    };
    let mut overrides = Vec::new();
    for (name, value) in map.iter().filter(|(_, value)| value.is_object()) {
        let Module { bits, group_size } =
            serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        overrides.push((name.clone(), bits, group_size));
    }
    let (bits, group_size) = (number("bits")?, number("group_size")?);
    for (bits, group_size) in
        overrides.iter().map(|(_, bits, group_size)| (*bits, *group_size)).chain([(bits, group_size)])
    {
        Affine::new(bits, group_size).map_err(|error| error.to_string())?;
    }
    Ok(Some(QuantizationConfig { bits, group_size, overrides }))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
