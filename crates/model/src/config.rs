//! `config.json` and its neighbours: which graph, which head, which limits.

use std::path::Path;

use serde_json::Value;

use crate::{
    architecture::Architecture,
    blueprint::{Blueprint, Graph, Limits, head::Head},
    json::{self, Json},
    pooling::{self, Sentences},
    quant::Affine,
};

pub use crate::error::ConfigError;

/// Weights packed by affine group quantization, as the artefact's `config.json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizationConfig {
    /// That of every module without an own one.
    pub default: Affine,
    /// Module paths with their own.
    pub overrides: Vec<(String, Affine)>,
}

impl QuantizationConfig {
    /// Bits and group size of one module.
    pub fn of(&self, module: &str) -> Affine {
        let own = self.overrides.iter().find(|(name, _)| name == module);
        own.map_or(self.default, |(_, affine)| *affine)
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
        let quantization = quantization(json.value)?;
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
fn quantization(json: &Value) -> Result<Option<QuantizationConfig>, ConfigError> {
    let Some(json) =
        [&json["quantization"], &json["quantization_config"]].into_iter().find(|json| json.is_object())
    else {
        return Ok(None);
    };
    if let Some(mode) = json["mode"].as_str().filter(|mode| *mode != "affine") {
        return Err(ConfigError::unsupported("quantization: mode", mode, "affine"));
    }
    let modules = json.as_object().into_iter().flatten().filter(|(_, value)| value.is_object());
    let overrides = modules.map(|(name, value)| Ok((name.clone(), affine(value)?)));
    let overrides = overrides.collect::<Result<_, ConfigError>>()?;
    Ok(Some(QuantizationConfig { default: affine(json)?, overrides }))
}

fn affine(json: &Value) -> Result<Affine, ConfigError> {
    let number = |key: &str| {
        let value = json[key].as_u64().and_then(|value| u32::try_from(value).ok());
        value.ok_or_else(|| {
            let only = "only MLX's affine quantization can be read";
            ConfigError::Inconsistent(format!("`quantization` has no `{key}`; {only}"))
        })
    };
    Ok(Affine::new(number("bits")?, number("group_size")?)?)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
