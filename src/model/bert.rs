//! BERT's sizes, as `configuration_bert.py` of transformers names and defaults them.

use serde::Deserialize;

use super::{activation::Activation, config::ConfigError};

/// `BertConfig` of transformers, as far as it changes the graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct BertConfig {
    /// Width of the token states.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads per layer.
    pub num_attention_heads: usize,
    /// Width between the two feed-forward matrices.
    pub intermediate_size: usize,
    /// The function there.
    pub hidden_act: Activation,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f32,
    /// Rows of the word-embedding table.
    pub vocab_size: usize,
    /// Rows of the position table.
    pub max_position_embeddings: usize,
    /// Rows of the token-type table.
    pub type_vocab_size: usize,
    position_embedding_type: String,
    is_decoder: bool,
}

impl Default for BertConfig {
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
            position_embedding_type: "absolute".to_owned(),
            is_decoder: false,
        }
    }
}

impl BertConfig {
    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        if self.position_embedding_type != "absolute" {
            return Err(ConfigError::unsupported(
                "position_embedding_type",
                self.position_embedding_type,
                "\"absolute\"",
            ));
        }
        if self.is_decoder {
            return Err(ConfigError::unsupported("is_decoder", true, "false"));
        }
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((key, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(ConfigError::Inconsistent(format!("`{key}` is 0")));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(ConfigError::Inconsistent(format!(
                "`hidden_size` {} is not divisible by `num_attention_heads` {}",
                self.hidden_size, self.num_attention_heads
            )));
        }
        Ok(self)
    }
}
