//! ModernBERT (<https://arxiv.org/abs/2412.13663>). Keys and defaults are those of
//! `configuration_modernbert.py` of transformers, of version 4 and of version 5.

use serde::Deserialize;
use serde_json::Value;

use super::{
    family::{Architecture, Stored},
    rename::rename,
    role::Role,
    sizes::check_sizes,
};
use crate::{
    activation::Activation,
    blueprint::{
        Blueprint, Graph, Limits,
        head::{Dense, Head, NormName, Pick},
        modernbert::{Layer, ModernBert},
    },
    error::ConfigError,
    json::Json,
};

pub(super) static MODERNBERT: Architecture = Architecture {
    name: "modernbert",
    read,
    rename: |raw| rename(raw, "model", &["embeddings.", "layers.", "final_norm."], &["decoder."]),
    tables: &[("model.embeddings.tok_embeddings", Role::Words)],
    heads: &["head.", "classifier."],
    default_labels: 2,
    stored: Stored::Canonical,
};

#[derive(Deserialize)]
#[serde(default)]
struct Keys {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    hidden_activation: Activation,
    vocab_size: usize,
    max_position_embeddings: usize,
    norm_eps: f32,
    norm_bias: bool,
    attention_bias: bool,
    mlp_bias: bool,
    layer_types: Option<Vec<String>>,
    global_attn_every_n_layers: usize,
    local_attention: usize,
    classifier_pooling: String,
    classifier_bias: bool,
    classifier_activation: Activation,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 1152,
            num_hidden_layers: 22,
            num_attention_heads: 12,
            hidden_activation: Activation::Gelu,
            vocab_size: 50368,
            max_position_embeddings: 8192,
            norm_eps: 1e-5,
            norm_bias: false,
            attention_bias: false,
            mlp_bias: false,
            layer_types: None,
            global_attn_every_n_layers: 3,
            local_attention: 128,
            classifier_pooling: "cls".to_owned(),
            classifier_bias: false,
            classifier_activation: Activation::Gelu,
        }
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let keys: Keys = config.parse()?;
    keys.check(config)?;
    let encoder = ModernBert {
        hidden_size: keys.hidden_size,
        heads: keys.num_attention_heads,
        activation: keys.hidden_activation,
        words: ("model.embeddings.tok_embeddings".to_owned(), keys.vocab_size),
        embedding_norm: keys.norm("model.embeddings.norm"),
        layers: keys.layers(config)?,
        final_norm: keys.norm("model.final_norm"),
    };
    let limits =
        Limits { vocabulary: keys.vocab_size, positions: keys.max_position_embeddings, token_types: 1 };
    let (hidden_size, classifier) = (keys.hidden_size, keys.classifier(labels)?);
    Ok(Blueprint { hidden_size, limits, classifier, graph: Graph::ModernBert(encoder) })
}

impl Keys {
    /// Refuses what would be another graph.
    fn check(&self, config: &Json<'_>) -> Result<(), ConfigError> {
        let sizes = [
            ("num_hidden_layers", self.num_hidden_layers),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("global_attn_every_n_layers", self.global_attn_every_n_layers),
        ];
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        check_sizes(&sizes, ("hidden_size", hidden), ("num_attention_heads", heads))?;
        if !(hidden / heads).is_multiple_of(2) {
            return Err(ConfigError::Inconsistent(format!(
                "`hidden_size` {hidden} and `num_attention_heads` {heads} make heads of an odd size, which \
                 rotary positions cannot rotate"
            )));
        }
        config.require("head_dim", hidden / heads, "what the heads share of `hidden_size`")?;
        config.require("sliding_window", self.local_attention / 2, "half of `local_attention`")?;
        config.require("rope_scaling", Value::Null, "null")
    }

    fn norm(&self, module: &str) -> NormName {
        NormName { module: module.to_owned(), epsilon: Some(self.norm_eps), bias: self.norm_bias }
    }

    fn layers(&self, config: &Json<'_>) -> Result<Vec<Layer>, ConfigError> {
        let (everywhere, nearby) = thetas(config)?;
        let (hidden, wide, count) = (self.hidden_size, self.intermediate_size, self.num_hidden_layers);
        if let Some(types) = self.layer_types.as_ref().filter(|types| types.len() != count) {
            return Err(ConfigError::Inconsistent(format!(
                "`layer_types` has {} entries, and `num_hidden_layers` is {count}",
                types.len()
            )));
        }
        let layer = |index: usize| {
            let path = format!("model.layers.{index}");
            let dense = |name: &str, inputs: usize, outputs: usize, bias: bool| Dense {
                bias,
                ..Dense::new(format!("{path}.{name}"), inputs, outputs)
            };
            let global = self.is_global(index)?;
            Ok(Layer {
                attention_norm: (index > 0).then(|| self.norm(&format!("{path}.attn_norm"))),
                query_key_value: dense("attn.Wqkv", hidden, 3 * hidden, self.attention_bias),
                attention_output: dense("attn.Wo", hidden, hidden, self.attention_bias),
                feed_forward_norm: self.norm(&format!("{path}.mlp_norm")),
                gated: dense("mlp.Wi", hidden, 2 * wide, self.mlp_bias),
                output: dense("mlp.Wo", wide, hidden, self.mlp_bias),
                window: (!global).then_some(self.local_attention / 2),
                rope_theta: if global { everywhere } else { nearby },
            })
        };
        (0..count).map(layer).collect()
    }

    fn is_global(&self, layer: usize) -> Result<bool, ConfigError> {
        let Some(types) = &self.layer_types else {
            return Ok(layer.is_multiple_of(self.global_attn_every_n_layers));
        };
        match types[layer].as_str() {
            "full_attention" => Ok(true),
            "sliding_attention" => Ok(false),
            other => Err(ConfigError::unsupported(
                &format!("layer_types[{layer}]"),
                other,
                "\"full_attention\" and \"sliding_attention\"",
            )),
        }
    }

    fn classifier(&self, labels: usize) -> Result<Head, ConfigError> {
        let pick = match self.classifier_pooling.as_str() {
            "cls" => Pick::First,
            "mean" => Pick::Mean,
            other => {
                return Err(ConfigError::unsupported("classifier_pooling", other, "\"cls\" and \"mean\""));
            }
        };
        let dense = Dense::new("head.dense", self.hidden_size, self.hidden_size);
        let dense = Dense { bias: self.classifier_bias, norm: Some(self.norm("head.norm")), ..dense };
        let layers =
            vec![dense.then(self.classifier_activation), Dense::new("classifier", self.hidden_size, labels)];
        Ok(Head::classifier(pick, layers))
    }
}

/// Bases of the rotary positions in layers that attend everywhere, and in those with a window.
fn thetas(config: &Json<'_>) -> Result<(f32, f32), ConfigError> {
    const KINDS: [&str; 2] = ["full_attention", "sliding_attention"];
    let parameters = &config.value["rope_parameters"];
    let other = parameters.as_object().and_then(|map| map.iter().find(|(key, _)| !KINDS.contains(&&***key)));
    if let Some((key, value)) = other {
        return Err(ConfigError::unsupported(
            &format!("rope_parameters.{key}"),
            value.clone(),
            "an entry for each of \"full_attention\" and \"sliding_attention\"",
        ));
    }
    let of_kind = |kind: &str, older: &str, default: f64| {
        let entry = &parameters[kind];
        for key in ["rope_type", "type"] {
            if !entry[key].is_null() && entry[key] != "default" {
                let path = format!("rope_parameters.{kind}.{key}");
                return Err(ConfigError::unsupported(&path, entry[key].clone(), "\"default\""));
            }
        }
        let found = [&entry["rope_theta"], &config.value[older]].into_iter().find(|value| !value.is_null());
        let theta = found.map_or(Some(default), Value::as_f64).filter(|theta| *theta > 0.0);
        theta.map(|theta| theta as f32).ok_or_else(|| {
            let key = if entry["rope_theta"].is_null() {
                older.to_owned()
            } else {
                format!("rope_parameters.{kind}.rope_theta")
            };
            ConfigError::Inconsistent(format!("`{key}` is no positive number"))
        })
    };
    let everywhere = of_kind(KINDS[0], "global_rope_theta", 160_000.0)?;
    // Written as null, version 4 of transformers took the other one.
    let as_global = config.value.get("local_rope_theta").is_some_and(Value::is_null);
    let default = if as_global { f64::from(everywhere) } else { 10_000.0 };
    Ok((everywhere, of_kind(KINDS[1], "local_rope_theta", default)?))
}
