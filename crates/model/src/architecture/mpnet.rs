//! MPNet (<https://arxiv.org/abs/2004.09297>): BERT without token types, with biases by relative position.
//! Keys and defaults are those of `configuration_mpnet.py` of transformers.

use super::{
    bert::Keys,
    family::{Architecture, Stored},
    rename::rename,
    roberta::positions_after,
    role::Role,
};
use crate::{
    activation::Activation,
    blueprint::{
        Blueprint, Graph,
        post_norm::{LayerNames, RelativeBias},
    },
    error::ConfigError,
    json::Json,
};

pub(super) static MPNET: Architecture = Architecture {
    name: "mpnet",
    read,
    rename: |raw| rename(raw, "mpnet", &["embeddings.", "encoder.", "pooler."], &["lm_head."]),
    tables: &[
        ("mpnet.embeddings.word_embeddings", Role::Words),
        ("mpnet.embeddings.position_embeddings", Role::Positions),
        ("mpnet.encoder.relative_attention_bias", Role::Positions),
    ],
    heads: &["mpnet.pooler.", "classifier."],
    default_labels: 2,
    stored: Stored::AsFound,
};

/// Buckets of distances. transformers computes them for 32 whatever `relative_attention_num_buckets` says,
/// which is only the length of the table (`MPNetEncoder.compute_position_bias`).
const BUCKETS: usize = 32;

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    #[derive(serde::Deserialize)]
    struct Own {
        #[serde(default = "buckets")]
        relative_attention_num_buckets: usize,
    }
    fn buckets() -> usize {
        BUCKETS
    }
    let rows = config.parse::<Own>()?.relative_attention_num_buckets;
    let mut keys: Keys = config.parse()?;
    if config.value["vocab_size"].is_null() {
        keys.vocab_size = 30527;
    }
    keys.type_vocab_size = 1;
    keys.check(config)?;
    if rows < BUCKETS {
        return Err(ConfigError::unsupported("relative_attention_num_buckets", rows, "32 or more"));
    }
    // The padding id of MPNet is 1 whatever the configuration says (`MPNetEmbeddings`).
    let first = 2;
    let mut encoder = keys.encoder("mpnet");
    encoder.embeddings.types = None;
    encoder.embeddings.first_position = first;
    encoder.weights = (0..keys.num_hidden_layers).map(layer).collect();
    let module = "mpnet.encoder.relative_attention_bias".to_owned();
    encoder.relative = Some(RelativeBias { module, rows, buckets: BUCKETS, max_distance: 128 });
    let mut limits = keys.limits();
    limits.positions = positions_after(first, keys.max_position_embeddings)?;
    Ok(Blueprint {
        hidden_size: keys.hidden_size,
        limits,
        classifier: keys.two_layers(Activation::Tanh, labels),
        graph: Graph::PostNorm(encoder),
    })
}

fn layer(index: usize) -> LayerNames {
    let path = format!("mpnet.encoder.layer.{index}");
    LayerNames {
        query_key_value: ["q", "k", "v"].map(|name| format!("{path}.attention.attn.{name}")),
        attention_output: format!("{path}.attention.attn.o"),
        attention_norm: format!("{path}.attention.LayerNorm"),
        ..LayerNames::bert(&path)
    }
}
