//! MobileBERT (<https://arxiv.org/abs/2004.02984>). Keys and defaults are those of
//! `configuration_mobilebert.py` of transformers.

use serde::Deserialize;

use super::{
    family::{Architecture, Stored},
    rename::rename,
    role::Role,
    sizes::{check_product, check_sizes},
};
use crate::{
    activation::Activation,
    blueprint::{
        Blueprint, Graph, Limits,
        head::{Dense, Head, NormName, Pick},
        mobilebert::{AttentionInput, Embeddings, Layer, MobileBert},
    },
    error::ConfigError,
    json::Json,
};

pub(super) static MOBILEBERT: Architecture = Architecture {
    name: "mobilebert",
    read,
    rename: |raw| rename(raw, "mobilebert", &["embeddings.", "encoder.", "pooler."], &["cls."]),
    tables: &[
        ("mobilebert.embeddings.word_embeddings", Role::Words),
        ("mobilebert.embeddings.position_embeddings", Role::Positions),
        ("mobilebert.embeddings.token_type_embeddings", Role::TokenTypes),
    ],
    heads: &["mobilebert.pooler.", "classifier."],
    default_labels: 2,
    stored: Stored::AsFound,
};

/// Added to the variance where `MobileBertEmbeddings` and `MobileBertOutput` leave it to PyTorch.
const DEFAULT_EPSILON: f32 = 1e-5;

#[derive(Deserialize)]
#[serde(default)]
struct Keys {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
    embedding_size: usize,
    trigram_input: bool,
    use_bottleneck: bool,
    intra_bottleneck_size: usize,
    use_bottleneck_attention: bool,
    key_query_shared_bottleneck: bool,
    num_feedforward_networks: usize,
    normalization_type: String,
    classifier_activation: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            vocab_size: 30522,
            hidden_size: 512,
            num_hidden_layers: 24,
            num_attention_heads: 4,
            intermediate_size: 512,
            hidden_act: Activation::Relu,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            embedding_size: 128,
            trigram_input: true,
            use_bottleneck: true,
            intra_bottleneck_size: 128,
            use_bottleneck_attention: false,
            key_query_shared_bottleneck: true,
            num_feedforward_networks: 4,
            normalization_type: "no_norm".to_owned(),
            classifier_activation: true,
        }
    }
}

fn read(config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
    let keys: Keys = config.parse()?;
    keys.check(config)?;
    let limits = Limits {
        vocabulary: keys.vocab_size,
        positions: keys.max_position_embeddings,
        token_types: keys.type_vocab_size,
    };
    let embeddings = keys.embeddings();
    let layers: Vec<_> = (0..keys.num_hidden_layers).map(|index| keys.layer(index)).collect();
    let mut unused = Vec::new();
    if embeddings.transformation.is_none() {
        unused.push("mobilebert.embeddings.embedding_transformation".to_owned());
    }
    if keys.use_bottleneck && keys.use_bottleneck_attention && keys.key_query_shared_bottleneck {
        let module = |index| format!("mobilebert.encoder.layer.{index}.bottleneck.attention");
        unused.extend((0..keys.num_hidden_layers).map(module));
    }
    let mut head = vec![Dense::new("classifier", keys.hidden_size, labels)];
    if keys.classifier_activation {
        let pooler = Dense::new("mobilebert.pooler.dense", keys.hidden_size, keys.hidden_size);
        head.insert(0, pooler.then(Activation::Tanh));
    }
    let encoder = MobileBert {
        hidden_size: keys.hidden_size,
        narrow_size: keys.narrow_size(),
        heads: keys.num_attention_heads,
        embeddings,
        layers,
        unused,
    };
    Ok(Blueprint {
        hidden_size: keys.hidden_size,
        limits,
        classifier: Head::classifier(Pick::First, head),
        graph: Graph::MobileBert(encoder),
    })
}

impl Keys {
    /// Refuses what would be another graph, or none.
    fn check(&self, config: &Json<'_>) -> Result<(), ConfigError> {
        let sizes = [
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_feedforward_networks", self.num_feedforward_networks),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("embedding_size", self.embedding_size),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        let narrow = if self.use_bottleneck { "intra_bottleneck_size" } else { "hidden_size" };
        let width = (narrow, self.narrow_size());
        check_sizes(&sizes, width, ("num_attention_heads", self.num_attention_heads))?;
        let layers = ("num_hidden_layers", self.num_hidden_layers);
        check_product(layers, ("num_feedforward_networks", self.num_feedforward_networks))?;
        config.require("true_hidden_size", self.narrow_size(), "the width inside the layers")?;
        if !["no_norm", "layer_norm"].contains(&self.normalization_type.as_str()) {
            return Err(ConfigError::unsupported(
                "normalization_type",
                self.normalization_type.clone(),
                "\"no_norm\" and \"layer_norm\"",
            ));
        }
        let wide = !self.use_bottleneck_attention && !self.key_query_shared_bottleneck;
        if wide && self.narrow_size() != self.hidden_size {
            return Err(ConfigError::Inconsistent(format!(
                "`key_query_shared_bottleneck` is false, so that queries and keys are made of states of \
                 `hidden_size` {}, and expect `intra_bottleneck_size` {}",
                self.hidden_size, self.intra_bottleneck_size
            )));
        }
        Ok(())
    }

    /// What transformers calls `true_hidden_size`.
    fn narrow_size(&self) -> usize {
        if self.use_bottleneck { self.intra_bottleneck_size } else { self.hidden_size }
    }

    fn norm(&self, module: String, epsilon: f32) -> NormName {
        let epsilon = (self.normalization_type == "layer_norm").then_some(epsilon);
        NormName { module, epsilon, bias: true }
    }

    /// A linear layer with a norm beside it.
    fn normed(&self, path: &str, inputs: usize, outputs: usize, epsilon: f32) -> Dense {
        let norm = Some(self.norm(format!("{path}.LayerNorm"), epsilon));
        Dense { norm, ..Dense::new(format!("{path}.dense"), inputs, outputs) }
    }

    fn embeddings(&self) -> Embeddings {
        let path = "mobilebert.embeddings";
        let table = |name: &str, rows: usize| (format!("{path}.{name}_embeddings"), rows);
        let width = self.embedding_size * if self.trigram_input { 3 } else { 1 };
        let transformed = self.trigram_input || self.embedding_size != self.hidden_size;
        Embeddings {
            width: self.embedding_size,
            words: table("word", self.vocab_size),
            positions: table("position", self.max_position_embeddings),
            types: table("token_type", self.type_vocab_size),
            trigrams: self.trigram_input,
            transformation: transformed
                .then(|| Dense::new(format!("{path}.embedding_transformation"), width, self.hidden_size)),
            norm: self.norm(format!("{path}.LayerNorm"), DEFAULT_EPSILON),
        }
    }

    fn layer(&self, index: usize) -> Layer {
        let path = format!("mobilebert.encoder.layer.{index}");
        let (hidden, narrow, epsilon) = (self.hidden_size, self.narrow_size(), self.layer_norm_eps);
        let attention_input = match (self.use_bottleneck, self.use_bottleneck_attention) {
            (true, true) => AttentionInput::Narrow,
            (true, false) if self.key_query_shared_bottleneck => AttentionInput::Shared(self.normed(
                &format!("{path}.bottleneck.attention"),
                hidden,
                narrow,
                epsilon,
            )),
            _ => AttentionInput::Wide,
        };
        let last = self.num_feedforward_networks - 1;
        let network = |index: usize| {
            // The last one has no number.
            let path = if index == last { path.clone() } else { format!("{path}.ffn.{index}") };
            let epsilon = if index == last { DEFAULT_EPSILON } else { epsilon };
            let first = Dense::new(format!("{path}.intermediate.dense"), narrow, self.intermediate_size);
            let second = self.normed(&format!("{path}.output"), self.intermediate_size, narrow, epsilon);
            [first.then(self.hidden_act), second]
        };
        let bottleneck = |name: &str, inputs: usize, outputs: usize| {
            self.use_bottleneck.then(|| self.normed(&format!("{path}.{name}"), inputs, outputs, epsilon))
        };
        Layer {
            narrow: bottleneck("bottleneck.input", hidden, narrow),
            attention_input,
            query_key_value: ["query", "key", "value"].map(|name| format!("{path}.attention.self.{name}")),
            attention_output: self.normed(&format!("{path}.attention.output"), narrow, narrow, epsilon),
            feed_forward: (0..=last).map(network).collect(),
            wide: bottleneck("output.bottleneck", narrow, hidden),
        }
    }
}
