//! Recipes that treat some modules apart.

use serde::{Deserialize, Serialize};

use super::ConvertError;
use crate::{
    blueprint::Graph,
    quant::{Mode, Scheme},
};

/// What the modules of a pattern get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Path of a module, with `*` for any part of it.
    pattern: String,
    /// How it is quantized; not at all if absent.
    scheme: Option<Scheme>,
}

impl Rule {
    /// Checks the pattern.
    pub fn new(pattern: &str, scheme: Option<Scheme>) -> Result<Self, ConvertError> {
        glob::Pattern::new(pattern).map_err(|error| ConvertError::Pattern {
            pattern: pattern.to_owned(),
            reason: error.msg.to_owned(),
        })?;
        Ok(Self { pattern: pattern.to_owned(), scheme })
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// How its modules are quantized; `None` where they are not.
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// Whether a module is meant.
    pub fn matches(&self, module: &str) -> bool {
        glob::Pattern::new(&self.pattern).is_ok_and(|pattern| pattern.matches(module))
    }
}

/// mlx-lm's mixed recipes: the values and the last matrix of a layer get more bits than the rest, in the first and last
/// eighth of the layers and in every third between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mixed {
    /// 2 and 6 bits.
    #[serde(rename = "mixed_2_6")]
    TwoSix,
    /// 3 and 4 bits.
    #[serde(rename = "mixed_3_4")]
    ThreeFour,
    /// 3 and 6 bits.
    #[serde(rename = "mixed_3_6")]
    ThreeSix,
    /// 4 and 6 bits.
    #[serde(rename = "mixed_4_6")]
    FourSix,
}

impl Mixed {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::TwoSix, Self::ThreeFour, Self::ThreeSix, Self::FourSix];

    /// mlx-lm's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::TwoSix => "mixed_2_6",
            Self::ThreeFour => "mixed_3_4",
            Self::ThreeSix => "mixed_3_6",
            Self::FourSix => "mixed_4_6",
        }
    }

    /// The one of mlx-lm's word.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mixed| mixed.name() == name)
    }

    /// Bits of most modules.
    pub fn low(self) -> u32 {
        match self {
            Self::TwoSix => 2,
            Self::ThreeFour | Self::ThreeSix => 3,
            Self::FourSix => 4,
        }
    }

    /// Bits of the others.
    pub fn high(self) -> u32 {
        if self == Self::ThreeFour { 4 } else { 6 }
    }

    /// The modules that get more bits. mlx-lm knows them by the names of language models (`v_proj`, `down_proj`); in an
    /// encoder they are those of the same use. Layers count through all halves of a model.
    pub fn modules(self, graph: &Graph) -> Vec<String> {
        let layers = sensitive(graph);
        let count = layers.len();
        let chosen = |index: usize| {
            let eighth = count / 8;
            index < eighth || index >= 7 * count / 8 || (index - eighth) % 3 == 2
        };
        layers
            .into_iter()
            .enumerate()
            .filter(|(index, _)| chosen(*index))
            .flat_map(|(_, layer)| layer)
            .collect()
    }

    /// How the modules with more bits are quantized.
    pub(super) fn scheme(self, group_size: u32) -> Option<Scheme> {
        Scheme::new(Mode::Affine, self.high(), group_size).ok()
    }
}

/// For each layer, what makes its values and what ends it.
fn sensitive(graph: &Graph) -> Vec<Vec<String>> {
    let layer = |names: &crate::blueprint::post_norm::LayerNames| {
        vec![names.query_key_value[2].clone(), names.output.clone()]
    };
    match graph {
        Graph::PostNorm(encoder) => encoder.weights.iter().map(layer).collect(),
        Graph::Bart(bart) => {
            let decoder = bart.decoder.weights.iter().zip(&bart.cross).map(|(own, cross)| {
                let mut names = layer(own);
                names.push(cross.key_value[1].clone());
                names
            });
            bart.encoder.weights.iter().map(layer).chain(decoder).collect()
        }
        Graph::DebertaV2(deberta) => deberta.encoder.weights.iter().map(layer).collect(),
        Graph::MobileBert(mobile) => mobile
            .layers
            .iter()
            .map(|layer| {
                let output = layer.feed_forward.last().map(|[_, output]| output.module.clone());
                [Some(layer.query_key_value[2].clone()), output].into_iter().flatten().collect()
            })
            .collect(),
        // Queries, keys and values are one matrix there.
        Graph::ModernBert(modern) => {
            let layers = modern.layers.iter();
            layers
                .map(|layer| vec![layer.query_key_value.module.clone(), layer.output.module.clone()])
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{architecture::Architecture, json::Json};

    fn graph(json: &serde_json::Value) -> Graph {
        let architecture = Architecture::from_model_type(json["model_type"].as_str().unwrap()).unwrap();
        let path = std::path::Path::new("config.json");
        architecture.read(&Json { path, value: json }, 2).unwrap().graph
    }

    #[test]
    fn layers_are_those_of_mlx_lm() {
        // By `mixed_quant_predicate_builder` of mlx-lm 0.32.2 for 12 layers: 12 / 8 = 1 and 7 · 12 / 8 = 10.
        let modules = Mixed::TwoSix.modules(&graph(&serde_json::json!({"model_type": "bert"})));
        let layers: Vec<usize> =
            modules.iter().filter_map(|name| name.split('.').nth(3)?.parse().ok()).step_by(2).collect();
        assert_eq!(layers, [0, 3, 6, 9, 10, 11]);
        assert_eq!(modules[0], "bert.encoder.layer.0.attention.self.value");
        assert_eq!(modules[1], "bert.encoder.layer.0.output.dense");
    }

    #[test]
    fn every_graph_has_such_modules() {
        for model_type in ["bert", "bart", "deberta-v2", "mobilebert", "modernbert"] {
            let modules = Mixed::FourSix.modules(&graph(&serde_json::json!({"model_type": model_type})));
            assert!(modules.len() > 4, "{model_type}: {modules:?}");
        }
    }

    #[test]
    fn patterns() {
        let rule = Rule::new("encoder.layer.*.output.dense", None).unwrap();
        assert!(rule.matches("encoder.layer.10.attention.output.dense"));
        assert!(!rule.matches("bert.encoder.layer.1.output.dense"));
        let error = Rule::new("a[", None).unwrap_err();
        assert!(error.to_string().starts_with("`a[` is no pattern"), "{error}");
    }
}
