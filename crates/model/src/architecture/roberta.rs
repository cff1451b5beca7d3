//! RoBERTa (<https://arxiv.org/abs/1907.11692>) and its kin under other names. It is BERT with positions
//! counted from behind the padding id, and another head. Keys and defaults are those of
//! `configuration_roberta.py` of transformers.

use super::{
    bert::Keys,
    family::{Architecture, Canonical, Stored},
    rename::rename,
    role::Role,
};
use crate::{
    activation::Activation,
    blueprint::{Blueprint, Graph},
    error::ConfigError,
    json::Json,
};

pub(super) static ROBERTA: Architecture = Architecture {
    name: "roberta",
    read: |config, labels| read(config, labels, 50265),
    rename: names,
    tables: TABLES,
    heads: HEADS,
    default_labels: 2,
    stored: Stored::AsFound,
};

pub(super) static XLM_ROBERTA: Architecture = Architecture {
    name: "xlm-roberta",
    read: |config, labels| read(config, labels, 30522),
    rename: names,
    tables: TABLES,
    heads: HEADS,
    default_labels: 2,
    stored: Stored::Without("roberta."),
};

pub(super) static CAMEMBERT: Architecture = Architecture {
    name: "camembert",
    read: |config, labels| read(config, labels, 30522),
    rename: names,
    tables: TABLES,
    heads: HEADS,
    default_labels: 2,
    stored: Stored::AsFound,
};

const TABLES: &[(&str, Role)] = &[
    ("roberta.embeddings.word_embeddings", Role::Words),
    ("roberta.embeddings.position_embeddings", Role::Positions),
    ("roberta.embeddings.token_type_embeddings", Role::TokenTypes),
];

// Checkpoints of older versions of transformers hold a pooler that their head never used.
const HEADS: &[&str] = &["roberta.pooler.", "classifier."];

fn names(raw: &str) -> Canonical {
    rename(raw, "roberta", &["embeddings.", "encoder.", "pooler."], &["lm_head."])
}

fn read(config: &Json<'_>, labels: usize, vocabulary: usize) -> Result<Blueprint, ConfigError> {
    let mut keys: Keys = config.parse()?;
    if config.value["vocab_size"].is_null() {
        keys.vocab_size = vocabulary;
    }
    keys.check(config)?;
    // Position ids begin one after the padding id (`create_position_ids_from_input_ids`).
    let first = keys.pad_token_id.unwrap_or(1).saturating_add(1);
    let mut encoder = keys.encoder("roberta");
    encoder.embeddings.first_position = first;
    let mut limits = keys.limits();
    limits.positions = positions_after(first, keys.max_position_embeddings)?;
    Ok(Blueprint {
        hidden_size: keys.hidden_size,
        limits,
        classifier: keys.two_layers(Activation::Tanh, labels),
        graph: Graph::PostNorm(encoder),
    })
}

/// What is left of a table of `rows` positions whose first `first` are not used.
pub(super) fn positions_after(first: usize, rows: usize) -> Result<usize, ConfigError> {
    rows.checked_sub(first).filter(|left| *left > 0).ok_or_else(|| {
        ConfigError::Inconsistent(format!(
            "`max_position_embeddings` {rows} leaves no position, since they are counted from {first}"
        ))
    })
}
