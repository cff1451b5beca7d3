//! DistilBERT (<https://arxiv.org/abs/1910.01108>): BERT without token types, under other names. Keys and
//! defaults are those of `configuration_distilbert.py` of transformers. Sinusoidal positions are stored
//! like learned ones.

use serde::Deserialize;

use super::{
    bert::Keys,
    family::{Architecture, Stored},
    rename::rename,
    role::Role,
    sizes::check_sizes,
};
use crate::{
    activation::Activation,
    blueprint::{
        Blueprint, Graph,
        head::{Dense, Head},
        post_norm::LayerNames,
    },
    error::ConfigError,
    json::Json,
};

pub(super) static DISTILBERT: Architecture = Architecture {
    name: "distilbert",
    read,
    rename: |raw| rename(raw, "distilbert", &["embeddings.", "transformer."], &["vocab_"]),
    tables: &[
        ("distilbert.embeddings.word_embeddings", Role::Words),
        ("distilbert.embeddings.position_embeddings", Role::Positions),
    ],
    heads: &["pre_classifier.", "classifier."],
    default_labels: 2,
    stored: Stored::AsFound,
};

#[derive(Deserialize)]
#[serde(default)]
struct Own {
    dim: usize,
    n_layers: usize,
    n_heads: usize,
    hidden_dim: usize,
    activation: Activation,
}

impl Default for Own {
    fn default() -> Self {
        Self { dim: 768, n_layers: 6, n_heads: 12, hidden_dim: 3072, activation: Activation::Gelu }
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let own: Own = config.parse()?;
    let keys = Keys {
        hidden_size: own.dim,
        num_hidden_layers: own.n_layers,
        num_attention_heads: own.n_heads,
        intermediate_size: own.hidden_dim,
        hidden_act: own.activation,
        layer_norm_eps: 1e-12,
        type_vocab_size: 1,
        ..config.parse()?
    };
    check_sizes(
        &[
            ("n_layers", own.n_layers),
            ("hidden_dim", own.hidden_dim),
            ("vocab_size", keys.vocab_size),
            ("max_position_embeddings", keys.max_position_embeddings),
        ],
        ("dim", own.dim),
        ("n_heads", own.n_heads),
    )?;
    let mut encoder = keys.encoder("distilbert");
    encoder.embeddings.types = None;
    encoder.weights = (0..own.n_layers).map(layer).collect();
    let pre = Dense::new("pre_classifier", own.dim, own.dim).then(Activation::Relu);
    Ok(Blueprint {
        hidden_size: own.dim,
        limits: keys.limits(),
        classifier: Head::on_first(pre, "classifier", labels),
        graph: Graph::PostNorm(encoder),
    })
}

fn layer(index: usize) -> LayerNames {
    let path = format!("distilbert.transformer.layer.{index}");
    LayerNames {
        query_key_value: ["q", "k", "v"].map(|name| format!("{path}.attention.{name}_lin")),
        attention_output: format!("{path}.attention.out_lin"),
        attention_norm: format!("{path}.sa_layer_norm"),
        intermediate: format!("{path}.ffn.lin1"),
        output: format!("{path}.ffn.lin2"),
        output_norm: format!("{path}.output_layer_norm"),
    }
}
