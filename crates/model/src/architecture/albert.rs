//! ALBERT (<https://arxiv.org/abs/1909.11942>): layers that share their weights, and embeddings narrower
//! than the states. Keys and defaults are those of `configuration_albert.py` of transformers.

use serde::Deserialize;

use super::{
    bert::Keys,
    family::{Architecture, Stored},
    rename::rename,
    role::Role,
    sizes::{check_product, check_sizes},
};
use crate::{
    activation::Activation,
    blueprint::{
        Blueprint, Graph,
        post_norm::{LayerNames, Projection},
    },
    error::ConfigError,
    json::Json,
};

pub(super) static ALBERT: Architecture = Architecture {
    name: "albert",
    read,
    rename: |raw| {
        let parts = ["embeddings.", "encoder.", "pooler."];
        rename(raw, "albert", &parts, &["predictions.", "sop_classifier."])
    },
    tables: &[
        ("albert.embeddings.word_embeddings", Role::Words),
        ("albert.embeddings.position_embeddings", Role::Positions),
        ("albert.embeddings.token_type_embeddings", Role::TokenTypes),
    ],
    heads: &["albert.pooler.", "classifier."],
    default_labels: 2,
    stored: Stored::AsFound,
};

#[derive(Deserialize)]
#[serde(default)]
struct Own {
    embedding_size: usize,
    hidden_size: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    num_hidden_groups: usize,
    inner_group_num: usize,
    hidden_act: Activation,
    vocab_size: usize,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            embedding_size: 128,
            hidden_size: 4096,
            num_attention_heads: 64,
            intermediate_size: 16384,
            num_hidden_groups: 1,
            inner_group_num: 1,
            hidden_act: Activation::GeluNew,
            vocab_size: 30000,
        }
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let own: Own = config.parse()?;
    let keys = Keys {
        hidden_size: own.hidden_size,
        num_attention_heads: own.num_attention_heads,
        intermediate_size: own.intermediate_size,
        hidden_act: own.hidden_act,
        vocab_size: own.vocab_size,
        ..config.parse()?
    };
    keys.check(config)?;
    let (groups, inner) = (own.num_hidden_groups, own.inner_group_num);
    let sizes =
        [("embedding_size", own.embedding_size), ("num_hidden_groups", groups), ("inner_group_num", inner)];
    let (width, heads) = (keys.hidden_size, keys.num_attention_heads);
    check_sizes(&sizes, ("hidden_size", width), ("num_attention_heads", heads))?;
    for outer in [("num_hidden_groups", groups), ("num_hidden_layers", keys.num_hidden_layers)] {
        check_product(outer, ("inner_group_num", inner))?;
    }
    let mut encoder = keys.encoder("albert");
    encoder.embeddings.width = own.embedding_size;
    let mapping = "albert.encoder.embedding_hidden_mapping_in".to_owned();
    encoder.embeddings.projection = Some(Projection::AfterNorm(mapping));
    encoder.weights = (0..groups).flat_map(|group| (0..inner).map(move |one| layer(group, one))).collect();
    // In floats, as `AlbertTransformer` does it: the layers need not be a multiple of the groups.
    let per_group = keys.num_hidden_layers as f64 / groups as f64;
    let group = |index: usize| (index as f64 / per_group) as usize;
    encoder.layers = (0..keys.num_hidden_layers)
        .map(|index| (0..inner).map(|one| group(index) * inner + one).collect())
        .collect();
    Ok(Blueprint {
        hidden_size: keys.hidden_size,
        limits: keys.limits(),
        classifier: keys.pooled("albert.pooler".to_owned(), labels),
        graph: Graph::PostNorm(encoder),
    })
}

fn layer(group: usize, one: usize) -> LayerNames {
    let path = format!("albert.encoder.albert_layer_groups.{group}.albert_layers.{one}");
    LayerNames {
        query_key_value: ["query", "key", "value"].map(|name| format!("{path}.attention.{name}")),
        attention_output: format!("{path}.attention.dense"),
        attention_norm: format!("{path}.attention.LayerNorm"),
        intermediate: format!("{path}.ffn"),
        output: format!("{path}.ffn_output"),
        output_norm: format!("{path}.full_layer_layer_norm"),
    }
}
