//! ELECTRA's discriminator (<https://arxiv.org/abs/2003.10555>): BERT whose embeddings may be narrower than
//! its states. Keys and defaults are those of `configuration_electra.py` of transformers.

use serde::Deserialize;

use super::{
    bert::Keys,
    family::{Architecture, Stored},
    rename::rename,
    role::Role,
};
use crate::{
    activation::Activation,
    blueprint::{Blueprint, Graph, post_norm::Projection},
    error::ConfigError,
    json::Json,
};

pub(super) static ELECTRA: Architecture = Architecture {
    name: "electra",
    read,
    rename: |raw| {
        let parts = ["embeddings.", "embeddings_project.", "encoder."];
        rename(raw, "electra", &parts, &["discriminator_predictions.", "generator_"])
    },
    tables: &[
        ("electra.embeddings.word_embeddings", Role::Words),
        ("electra.embeddings.position_embeddings", Role::Positions),
        ("electra.embeddings.token_type_embeddings", Role::TokenTypes),
    ],
    heads: &["classifier."],
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
}

impl Default for Own {
    fn default() -> Self {
        Self { embedding_size: 128, hidden_size: 256, num_attention_heads: 4, intermediate_size: 1024 }
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let own: Own = config.parse()?;
    let keys = Keys {
        hidden_size: own.hidden_size,
        num_attention_heads: own.num_attention_heads,
        intermediate_size: own.intermediate_size,
        ..config.parse()?
    };
    keys.check(config)?;
    let mut encoder = keys.encoder("electra");
    encoder.embeddings.width = own.embedding_size;
    if own.embedding_size != own.hidden_size {
        let project = "electra.embeddings_project".to_owned();
        encoder.embeddings.projection = Some(Projection::AfterNorm(project));
    }
    Ok(Blueprint {
        hidden_size: keys.hidden_size,
        limits: keys.limits(),
        // Exact GELU whatever `hidden_act` is (`ElectraClassificationHead`).
        classifier: keys.two_layers(Activation::Gelu, labels),
        graph: Graph::PostNorm(encoder),
    })
}
