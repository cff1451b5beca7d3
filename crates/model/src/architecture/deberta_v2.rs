//! DeBERTa v2 and v3 (<https://arxiv.org/abs/2006.03654>, <https://arxiv.org/abs/2111.09543>). Keys and
//! defaults are those of `configuration_deberta_v2.py` of transformers, and of the places in
//! `modeling_deberta_v2.py` that ask for keys which it does not list.

use serde::Deserialize;
use serde_json::Value;

use super::{
    family::{Architecture, Stored},
    rename::rename,
    role::Role,
    sizes::{check_most, check_sizes},
};
use crate::{
    activation::Activation,
    blueprint::{
        Blueprint, Graph, Limits,
        deberta_v2::{Convolution, DebertaV2, Distances, Projections, Relative},
        head::{Dense, Head},
        post_norm::{Embeddings, LayerNames, PostNorm, Projection},
    },
    error::ConfigError,
    json::Json,
};

pub(super) static DEBERTA_V2: Architecture = Architecture {
    name: "deberta-v2",
    read,
    rename: |raw| {
        let pretraining = ["cls.", "lm_predictions.", "mask_predictions."];
        rename(raw, "deberta", &["embeddings.", "encoder."], &pretraining)
    },
    tables: &[
        ("deberta.embeddings.word_embeddings", Role::Words),
        ("deberta.embeddings.position_embeddings", Role::Positions),
        ("deberta.embeddings.token_type_embeddings", Role::TokenTypes),
        ("deberta.encoder.rel_embeddings", Role::Positions),
    ],
    // Positions that only the masked-language head of v3 saw are in its checkpoints all the same.
    heads: &["pooler.", "classifier.", "deberta.embeddings.position_embeddings."],
    default_labels: 2,
    stored: Stored::AsFound,
};

#[derive(Deserialize)]
#[serde(default)]
struct Keys {
    vocab_size: usize,
    hidden_size: usize,
    embedding_size: Option<usize>,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    attention_head_size: Option<usize>,
    intermediate_size: usize,
    hidden_act: Activation,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
    position_biased_input: bool,
    relative_attention: bool,
    max_relative_positions: i64,
    position_buckets: i64,
    share_att_key: bool,
    conv_kernel_size: usize,
    conv_groups: usize,
    conv_act: Activation,
    pooler_hidden_size: Option<usize>,
    pooler_hidden_act: Activation,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            vocab_size: 128_100,
            hidden_size: 1536,
            embedding_size: None,
            num_hidden_layers: 24,
            num_attention_heads: 24,
            attention_head_size: None,
            intermediate_size: 6144,
            hidden_act: Activation::Gelu,
            max_position_embeddings: 512,
            type_vocab_size: 0,
            layer_norm_eps: 1e-7,
            position_biased_input: true,
            relative_attention: false,
            max_relative_positions: -1,
            position_buckets: -1,
            share_att_key: false,
            conv_kernel_size: 0,
            conv_groups: 1,
            conv_act: Activation::Tanh,
            pooler_hidden_size: None,
            pooler_hidden_act: Activation::Gelu,
        }
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let keys: Keys = config.parse()?;
    keys.check()?;
    let [content_to_position, position_to_content] =
        words(config, "pos_att_type", ["c2p", "p2c"], "c2p, p2c or both")?;
    let [normed] = words(config, "norm_rel_ebd", ["layer_norm"], "none or layer_norm")?;
    let hidden = keys.hidden_size;
    let relative = |distances| Relative {
        module: "deberta.encoder.rel_embeddings".to_owned(),
        distances,
        keys: content_to_position.then(|| keys.projections("pos_key_proj")),
        queries: position_to_content.then(|| keys.projections("pos_query_proj")),
    };
    let distances = keys.relative_attention.then(|| keys.distances()).transpose()?;
    // Counted even where there are no relative positions.
    let terms = 1 + usize::from(content_to_position) + usize::from(position_to_content);
    let limits = Limits {
        vocabulary: keys.vocab_size,
        positions: keys.max_position_embeddings,
        token_types: keys.type_vocab_size.max(1),
    };
    let pooler = Dense::new("pooler.dense", hidden, hidden).then(keys.pooler_hidden_act);
    Ok(Blueprint {
        hidden_size: hidden,
        limits,
        classifier: Head::on_first(pooler, "classifier", labels),
        graph: Graph::DebertaV2(DebertaV2 {
            encoder: keys.encoder(),
            scale: 1.0 / ((hidden / keys.num_attention_heads * terms) as f32).sqrt(),
            relative: distances.map(relative),
            relative_norm: normed.then(|| "deberta.encoder.LayerNorm".to_owned()),
            convolution: keys.convolution(),
        }),
    })
}

/// Whether each of `known` is among the words of `key`: a list, or one string with bars in between.
fn words<const N: usize>(
    config: &Json<'_>,
    key: &str,
    known: [&str; N],
    text: &'static str,
) -> Result<[bool; N], ConfigError> {
    let value = &config.value[key];
    let found: Option<Vec<String>> = match value {
        Value::Null => Some(Vec::new()),
        Value::String(words) => {
            Some(words.to_lowercase().split('|').map(|word| word.trim().to_owned()).collect())
        }
        Value::Array(words) => words.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let fits = |word: &String| known.contains(&word.as_str()) || word.is_empty() || word == "none";
    match found.filter(|words| words.iter().all(fits)) {
        Some(words) => Ok(known.map(|one| words.iter().any(|word| word == one))),
        None => Err(ConfigError::unsupported(key, value.clone(), text)),
    }
}

fn attention(index: usize) -> String {
    format!("deberta.encoder.layer.{index}.attention.self")
}

impl Keys {
    fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("num_hidden_layers", self.num_hidden_layers),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocab_size),
            ("embedding_size", self.embedding_size.unwrap_or(1)),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        let width = ("hidden_size", self.hidden_size);
        check_sizes(&sizes, width, ("num_attention_heads", self.num_attention_heads))?;
        check_sizes(&[], width, ("conv_groups", self.conv_groups))?;
        for (key, value, expected) in [
            ("attention_head_size", self.attention_head_size, self.hidden_size / self.num_attention_heads),
            ("pooler_hidden_size", self.pooler_hidden_size, self.hidden_size),
        ] {
            if value.is_some_and(|value| value != expected) {
                return Err(ConfigError::unsupported(key, value, "what `hidden_size` gives"));
            }
        }
        if self.conv_kernel_size > 0 && self.conv_kernel_size.is_multiple_of(2) {
            return Err(ConfigError::unsupported("conv_kernel_size", self.conv_kernel_size, "odd sizes"));
        }
        Ok(())
    }

    fn encoder(&self) -> PostNorm {
        let embeddings = "deberta.embeddings";
        let width = self.embedding_size.unwrap_or(self.hidden_size);
        let mut tables = Embeddings::bert(
            embeddings,
            width,
            self.vocab_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        );
        tables.positions = tables.positions.filter(|_| self.position_biased_input);
        tables.types = tables.types.filter(|_| self.type_vocab_size > 0);
        if width != self.hidden_size {
            tables.projection = Some(Projection::BeforeNorm(format!("{embeddings}.embed_proj")));
        }
        let layer = |index| LayerNames {
            query_key_value: ["query", "key", "value"]
                .map(|name| format!("{}.{name}_proj", attention(index))),
            ..LayerNames::bert(&format!("deberta.encoder.layer.{index}"))
        };
        PostNorm {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            heads: self.num_attention_heads,
            activation: self.hidden_act,
            epsilon: self.layer_norm_eps,
            embeddings: tables,
            weights: (0..self.num_hidden_layers).map(layer).collect(),
            layers: (0..self.num_hidden_layers).map(|index| vec![index]).collect(),
            relative: None,
        }
    }

    fn projections(&self, name: &str) -> Projections {
        if self.share_att_key {
            return Projections::OfTokens;
        }
        let layers = 0..self.num_hidden_layers;
        Projections::Own(layers.map(|index| format!("{}.{name}", attention(index))).collect())
    }

    fn distances(&self) -> Result<Distances, ConfigError> {
        let positions = self.max_position_embeddings;
        let or_none = |number: i64| usize::try_from(number).ok().filter(|number| *number > 0);
        let longest = or_none(self.max_relative_positions).unwrap_or(positions);
        let buckets = or_none(self.position_buckets);
        for (key, size) in [("max_relative_positions", longest), ("position_buckets", buckets.unwrap_or(1))] {
            check_most(key, size)?;
        }
        let Some(span) = buckets else { return Ok(Distances { span: longest, shared_from: None }) };
        let distances = Distances { span, shared_from: Some(longest - 1) };
        let exact = distances.exact();
        // Beyond the exact ones, the logarithm of their share of the longest distance decides.
        if exact == 0 || (longest <= exact + 1 && positions > exact + 1) {
            return Err(ConfigError::Inconsistent(format!(
                "`position_buckets` {span} cannot share out `max_relative_positions` {longest}"
            )));
        }
        Ok(distances)
    }

    fn convolution(&self) -> Option<Convolution> {
        (self.conv_kernel_size > 0).then(|| Convolution {
            module: "deberta.encoder.conv.conv".to_owned(),
            width: self.conv_kernel_size,
            groups: self.conv_groups,
            activation: self.conv_act,
            norm: "deberta.encoder.conv.LayerNorm".to_owned(),
        })
    }
}
