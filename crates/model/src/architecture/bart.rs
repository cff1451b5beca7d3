//! BART (<https://arxiv.org/abs/1910.13461>): an encoder, and a decoder that reads the same text once more.
//! Keys and defaults are those of `configuration_bart.py` of transformers.

use serde::Deserialize;
use serde_json::Value;

use super::{
    family::{Architecture, Canonical, Stored},
    rename::rename,
    role::Role,
    sizes::check_sizes,
};
use crate::{
    activation::Activation,
    blueprint::{
        Blueprint, Graph, Limits,
        bart::{Bart, CrossNames},
        head::{Dense, Head, Pick},
        post_norm::{Embeddings, LayerNames, PostNorm},
    },
    error::ConfigError,
    json::Json,
};

pub(super) static BART: Architecture = Architecture {
    name: "bart",
    read,
    rename: |raw| {
        // The word table, which encoder and decoder share.
        for copy in ["encoder.embed_tokens.", "decoder.embed_tokens."] {
            if let Some(kind) = raw.strip_prefix("model.").unwrap_or(raw).strip_prefix(copy) {
                return Canonical::Copy(format!("model.shared.{kind}"));
            }
        }
        if raw.ends_with("coder.version") {
            return Canonical::Ignored("a constant that older versions of transformers saved");
        }
        rename(raw, "model", &["shared.", "encoder.", "decoder."], &["lm_head.", "final_logits_bias"])
    },
    tables: &[
        ("model.shared", Role::Words),
        ("model.encoder.embed_positions", Role::Positions),
        ("model.decoder.embed_positions", Role::Positions),
    ],
    heads: &["classification_head."],
    default_labels: 3,
    stored: Stored::AsFound,
};

/// What transformers adds to every layer norm's variance here; no key changes it.
const EPSILON: f32 = 1e-5;
/// Rows of the position tables before that of the first token (`BartLearnedPositionalEmbedding`).
const OFFSET: usize = 2;

#[derive(Deserialize)]
#[serde(default)]
struct Keys {
    d_model: usize,
    encoder_layers: usize,
    encoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    decoder_layers: usize,
    decoder_attention_heads: usize,
    decoder_ffn_dim: usize,
    activation_function: Activation,
    vocab_size: usize,
    max_position_embeddings: usize,
    scale_embedding: bool,
    eos_token_id: Value,
    decoder_start_token_id: Value,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            d_model: 1024,
            encoder_layers: 12,
            encoder_attention_heads: 16,
            encoder_ffn_dim: 4096,
            decoder_layers: 12,
            decoder_attention_heads: 16,
            decoder_ffn_dim: 4096,
            activation_function: Activation::Gelu,
            vocab_size: 50265,
            max_position_embeddings: 1024,
            scale_embedding: false,
            eos_token_id: 2.into(),
            decoder_start_token_id: 2.into(),
        }
    }
}

impl Keys {
    fn check(&self, config: &Json<'_>) -> Result<(), ConfigError> {
        config.require("is_encoder_decoder", true, "true")?;
        config.require("is_decoder", false, "false")?;
        config.require("tie_word_embeddings", true, "true")?;
        // Of the first versions of transformers, for mBART and others under this name.
        config.require("normalize_before", false, "false")?;
        config.require("add_final_layer_norm", false, "false")?;
        config.require("normalize_embedding", true, "true")?;
        config.require("static_position_embeddings", false, "false")?;
        config.require("extra_pos_embeddings", OFFSET, "2")?;
        // Other names that transformers has for these keys.
        config.require("hidden_size", self.d_model, "`d_model`")?;
        config.require("num_hidden_layers", self.encoder_layers, "`encoder_layers`")?;
        config.require("num_attention_heads", self.encoder_attention_heads, "`encoder_attention_heads`")?;
        let sizes = [
            ("encoder_layers", self.encoder_layers),
            ("encoder_ffn_dim", self.encoder_ffn_dim),
            ("decoder_layers", self.decoder_layers),
            ("decoder_ffn_dim", self.decoder_ffn_dim),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        let width = ("d_model", self.d_model);
        check_sizes(&sizes, width, ("encoder_attention_heads", self.encoder_attention_heads))?;
        check_sizes(&[], width, ("decoder_attention_heads", self.decoder_attention_heads))
    }

    /// A token that the vocabulary has.
    fn token(&self, key: &str, value: &Value) -> Result<u32, ConfigError> {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| ConfigError::unsupported(key, value.clone(), "one token id"))?;
        if id as usize >= self.vocab_size {
            let rows = self.vocab_size;
            return Err(ConfigError::Inconsistent(format!("`{key}` {id} is beyond `vocab_size` {rows}")));
        }
        Ok(id)
    }

    /// Either half, without what it takes from the other.
    fn half(&self, path: &str, layers: usize, heads: usize, ffn_dim: usize) -> PostNorm {
        PostNorm {
            hidden_size: self.d_model,
            intermediate_size: ffn_dim,
            heads,
            activation: self.activation_function,
            epsilon: EPSILON,
            embeddings: Embeddings {
                width: self.d_model,
                words: ("model.shared".to_owned(), self.vocab_size),
                scale: if self.scale_embedding { (self.d_model as f32).sqrt() } else { 1.0 },
                positions: Some((format!("{path}.embed_positions"), self.max_position_embeddings + OFFSET)),
                first_position: OFFSET,
                types: None,
                norm: format!("{path}.layernorm_embedding"),
                projection: None,
            },
            weights: (0..layers).map(|index| layer(&format!("{path}.layers.{index}"))).collect(),
            layers: (0..layers).map(|index| vec![index]).collect(),
            relative: None,
        }
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let keys: Keys = config.parse()?;
    keys.check(config)?;
    if config.value.get("pad_token_id").is_some_and(Value::is_null) {
        // transformers does not make the decoder's input without one.
        return Err(ConfigError::unsupported("pad_token_id", Value::Null, "a token id"));
    }
    let (eos, start) = (&keys.eos_token_id, &keys.decoder_start_token_id);
    let (eos, start) = (keys.token("eos_token_id", eos)?, keys.token("decoder_start_token_id", start)?);
    let hidden = keys.d_model;
    let layers = vec![
        Dense::new("classification_head.dense", hidden, hidden).then(Activation::Tanh),
        Dense::new("classification_head.out_proj", hidden, labels),
    ];
    let Keys { encoder_layers, encoder_attention_heads: encoder_heads, encoder_ffn_dim, .. } = keys;
    let Keys { decoder_layers, decoder_attention_heads: decoder_heads, decoder_ffn_dim, .. } = keys;
    let encoder = keys.half("model.encoder", encoder_layers, encoder_heads, encoder_ffn_dim);
    let decoder = keys.half("model.decoder", decoder_layers, decoder_heads, decoder_ffn_dim);
    let cross = |index| cross(&format!("model.decoder.layers.{index}"));
    let cross = (0..decoder_layers).map(cross).collect();
    Ok(Blueprint {
        hidden_size: hidden,
        limits: Limits {
            vocabulary: keys.vocab_size,
            positions: keys.max_position_embeddings,
            token_types: 1,
        },
        classifier: Head::classifier(Pick::LastOf(eos), layers),
        graph: Graph::Bart(Bart { encoder, decoder: Box::new(decoder), cross, start }),
    })
}

fn layer(path: &str) -> LayerNames {
    LayerNames {
        query_key_value: ["q", "k", "v"].map(|name| format!("{path}.self_attn.{name}_proj")),
        attention_output: format!("{path}.self_attn.out_proj"),
        attention_norm: format!("{path}.self_attn_layer_norm"),
        intermediate: format!("{path}.fc1"),
        output: format!("{path}.fc2"),
        output_norm: format!("{path}.final_layer_norm"),
    }
}

fn cross(path: &str) -> CrossNames {
    CrossNames {
        query: format!("{path}.encoder_attn.q_proj"),
        key_value: ["k", "v"].map(|name| format!("{path}.encoder_attn.{name}_proj")),
        output: format!("{path}.encoder_attn.out_proj"),
        norm: format!("{path}.encoder_attn_layer_norm"),
    }
}
