//! BERT and everything stored as it: MiniLM, XtremeDistil, … (<https://arxiv.org/abs/1810.04805>). Keys and
//! defaults are those of `configuration_bert.py` of transformers.

use serde::Deserialize;

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
        head::{Dense, Head},
        post_norm::{Embeddings, LayerNames, PostNorm},
    },
    error::ConfigError,
    json::Json,
};

pub(super) static BERT: Architecture = Architecture {
    name: "bert",
    read,
    rename: |raw| rename(raw, "bert", &["embeddings.", "encoder.", "pooler."], &["cls."]),
    tables: &[
        ("bert.embeddings.word_embeddings", Role::Words),
        ("bert.embeddings.position_embeddings", Role::Positions),
        ("bert.embeddings.token_type_embeddings", Role::TokenTypes),
    ],
    heads: &["bert.pooler.", "classifier."],
    default_labels: 2,
    stored: Stored::Without("bert."),
};

/// The keys that BERT shares with its kin.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Keys {
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) hidden_act: Activation,
    pub(super) layer_norm_eps: f32,
    pub(super) vocab_size: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) pad_token_id: Option<usize>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            layer_norm_eps: 1e-12,
            vocab_size: 30522,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            pad_token_id: None,
        }
    }
}

impl Keys {
    /// Refuses what would be another graph.
    pub(super) fn check(&self, config: &Json<'_>) -> Result<(), ConfigError> {
        config.require("position_embedding_type", "absolute", "\"absolute\"")?;
        config.require("is_decoder", false, "false")?;
        config.require("add_cross_attention", false, "false")?;
        let sizes = [
            ("num_hidden_layers", self.num_hidden_layers),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        check_sizes(
            &sizes,
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
        )
    }

    /// The encoder of BERT, its modules below `prefix`.
    pub(super) fn encoder(&self, prefix: &str) -> PostNorm {
        let layer = |index| LayerNames::bert(&format!("{prefix}.encoder.layer.{index}"));
        PostNorm {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            heads: self.num_attention_heads,
            activation: self.hidden_act,
            epsilon: self.layer_norm_eps,
            embeddings: Embeddings::bert(
                &format!("{prefix}.embeddings"),
                self.hidden_size,
                self.vocab_size,
                self.max_position_embeddings,
                self.type_vocab_size,
            ),
            weights: (0..self.num_hidden_layers).map(layer).collect(),
            layers: (0..self.num_hidden_layers).map(|index| vec![index]).collect(),
            relative: None,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            vocabulary: self.vocab_size,
            positions: self.max_position_embeddings,
            token_types: self.type_vocab_size,
        }
    }

    /// Where BERT has its head: the pooler, then the classifier.
    pub(super) fn pooled(&self, pooler: String, labels: usize) -> Head {
        let pooler = Dense::new(pooler, self.hidden_size, self.hidden_size).then(Activation::Tanh);
        Head::on_first(pooler, "classifier", labels)
    }

    /// Where RoBERTa has its head: two layers of its own.
    pub(super) fn two_layers(&self, activation: Activation, labels: usize) -> Head {
        let dense = Dense::new("classifier.dense", self.hidden_size, self.hidden_size).then(activation);
        Head::on_first(dense, "classifier.out_proj", labels)
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let keys: Keys = config.parse()?;
    keys.check(config)?;
    Ok(Blueprint {
        hidden_size: keys.hidden_size,
        limits: keys.limits(),
        classifier: keys.pooled("bert.pooler.dense".to_owned(), labels),
        graph: Graph::PostNorm(keys.encoder("bert")),
    })
}
