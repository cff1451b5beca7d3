//! The architectures gatecheck can run, by the `model_type` of `config.json`. Each has a file that reads
//! its configuration, says what its classification head is, and knows how checkpoints name its tensors.

mod albert;
mod bart;
mod bert;
mod deberta_v2;
mod distilbert;
mod electra;
mod mobilebert;
mod modernbert;
mod mpnet;
mod roberta;
mod role;

use std::path::Path;

use gatecheck_base::text;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    activation::Activation,
    config::{ConfigError, Graph},
    head::Classifier,
};

pub use self::role::Role;

/// A family of encoders with one graph.
#[derive(Debug)]
pub struct Architecture {
    name: &'static str,
    read: fn(&Json<'_>, usize) -> Result<Blueprint, ConfigError>,
    rename: fn(&str) -> Canonical,
    /// Tables of embeddings, by the paths of their modules.
    tables: &'static [(&'static str, Role)],
    /// Starts of canonical names that belong to heads: what the head in use has not taken is left.
    heads: &'static [&'static str],
}

impl PartialEq for Architecture {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// What `config.json` says, in the terms of the backends.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    /// The encoder.
    pub graph: Graph,
    /// Width of the token states.
    pub hidden_size: usize,
    /// Ids that have a place in a table.
    pub limits: Limits,
    /// The head for sequence classification, whether the checkpoint has one or not.
    pub classifier: Classifier,
}

/// Numbers of ids: anything at or beyond them is not in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Token ids.
    pub vocabulary: usize,
    /// Tokens of a row, special ones included.
    pub positions: usize,
    /// Token types; 1 where the graph does not tell the texts of a pair apart.
    pub token_types: usize,
}

/// What a tensor of a checkpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canonical {
    /// A tensor of the model, by the name that the transformers model with its head gives it, such as
    /// `bert.encoder.layer.0.output.dense.weight`.
    Tensor(String),
    /// The tensor of this name once more, as of a table that two parts of the model share. Where it is the
    /// only one, it is that tensor.
    Copy(String),
    /// Not part of the model, for this reason.
    Ignored(&'static str),
}

/// All architectures.
pub static ALL: &[&Architecture] = &[
    &albert::ALBERT,
    &bart::BART,
    &bert::BERT,
    &roberta::CAMEMBERT,
    &deberta_v2::DEBERTA_V2,
    &distilbert::DISTILBERT,
    &electra::ELECTRA,
    &mobilebert::MOBILEBERT,
    &modernbert::MODERNBERT,
    &mpnet::MPNET,
    &roberta::ROBERTA,
    &roberta::XLM_ROBERTA,
];

impl Architecture {
    /// Finds the architecture of a `model_type`.
    pub fn from_model_type(model_type: &str) -> Result<&'static Self, ConfigError> {
        ALL.iter().copied().find(|one| one.name == model_type).ok_or_else(|| {
            let known: Vec<_> = ALL.iter().map(|one| one.name).collect();
            ConfigError::Architecture { model_type: model_type.to_owned(), known: text::list(&known, 20) }
        })
    }

    /// The `model_type`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Tells what the tensor `raw` of a checkpoint is.
    pub fn canonical(&self, raw: &str) -> Canonical {
        (self.rename)(raw)
    }

    /// Starts of the names of heads that may lie unused in a checkpoint.
    pub fn heads(&self) -> &'static [&'static str] {
        self.heads
    }

    /// The part of a module, by its canonical path; `None` for the layers of the encoder.
    pub fn role(&self, module: &str) -> Option<Role> {
        if let Some((_, role)) = self.tables.iter().find(|(path, _)| *path == module) {
            return Some(*role);
        }
        let belongs = |start: &&&str| {
            let rest = module.strip_prefix(start.trim_end_matches('.'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let start = self.heads.iter().find(belongs)?;
        Some(if start.ends_with("pooler.") { Role::Pooler } else { Role::Head })
    }

    /// How many classes transformers assumes where `config.json` tells neither names nor number.
    pub(super) fn default_labels(&self) -> u64 {
        if *self == bart::BART { 3 } else { 2 }
    }

    pub(super) fn read(&self, config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
        (self.read)(config, labels)
    }
}

/// `config.json`, and where it lies.
pub(super) struct Json<'a> {
    pub(super) path: &'a Path,
    pub(super) value: &'a Value,
}

impl Json<'_> {
    /// The keys that `T` has; other keys do not matter.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        serde_json::from_value(self.value.clone()).map_err(|error| {
            self.unknown_activation().unwrap_or_else(|| ConfigError::Malformed {
                path: self.path.to_owned(),
                reason: error.to_string(),
            })
        })
    }

    /// The first key for an activation whose function is not implemented.
    fn unknown_activation(&self) -> Option<ConfigError> {
        let (key, value) = self.value.as_object()?.iter().find(|(key, value)| {
            let names_one = key.ends_with("act") || key.contains("activation");
            names_one && value.is_string() && Activation::deserialize(*value).is_err()
        })?;
        Some(ConfigError::unsupported(key, value.clone(), Activation::NAMES))
    }

    /// Refuses another value of `key` than `only`, which an absent key has.
    fn require(&self, key: &str, only: impl Into<Value>, text: &'static str) -> Result<(), ConfigError> {
        match &self.value[key] {
            Value::Null => Ok(()),
            value if *value == only.into() => Ok(()),
            value => Err(ConfigError::unsupported(key, value.clone(), text)),
        }
    }
}

/// More layers or groups than any model has. Their tensors are listed by name before a file is opened.
const MOST_LAYERS: usize = 1000;

/// Refuses sizes of 0, more layers than can be, and a width that the heads cannot share.
fn check_sizes(
    sizes: &[(&str, usize)],
    width: (&str, usize),
    heads: (&str, usize),
) -> Result<(), ConfigError> {
    let all = || sizes.iter().chain([&width, &heads]);
    if let Some((key, _)) = all().find(|(_, size)| *size == 0) {
        return Err(ConfigError::Inconsistent(format!("`{key}` is 0")));
    }
    let listed = |key: &str| ["layers", "group", "networks"].iter().any(|part| key.contains(part));
    if let Some((key, size)) = all().find(|(key, size)| listed(key) && *size > MOST_LAYERS) {
        return Err(ConfigError::Inconsistent(format!("`{key}` is {size}, more than {MOST_LAYERS}")));
    }
    if width.1.is_multiple_of(heads.1) {
        return Ok(());
    }
    Err(ConfigError::Inconsistent(format!(
        "`{}` {} is not divisible by `{}` {}",
        width.0, width.1, heads.0, heads.1
    )))
}

/// The name with the prefix of the model inside its head, where the checkpoint is that of a bare encoder.
fn with_prefix(name: String, prefix: &str, parts: &[&str]) -> String {
    let bare = parts.iter().any(|part| name.starts_with(part));
    if bare { format!("{prefix}.{name}") } else { name }
}

/// What all checkpoints of BERT's kin share: constants that older versions of transformers saved, and
/// layer norms that carry TensorFlow's names.
fn common(raw: &str) -> Result<String, Canonical> {
    if raw.ends_with(".position_ids") || raw.ends_with(".token_type_ids") {
        return Err(Canonical::Ignored("a constant that older versions of transformers saved"));
    }
    Ok(match raw.strip_suffix(".LayerNorm.gamma") {
        Some(stem) => format!("{stem}.LayerNorm.weight"),
        None => match raw.strip_suffix(".LayerNorm.beta") {
            Some(stem) => format!("{stem}.LayerNorm.bias"),
            None => raw.to_owned(),
        },
    })
}

/// As [`common`], for a model that lies under `prefix` and consists of `parts`, leaving out what starts
/// like a pretraining head.
fn rename(raw: &str, prefix: &str, parts: &[&str], pretraining: &[&str]) -> Canonical {
    if pretraining.iter().any(|start| raw.starts_with(start)) {
        return Canonical::Ignored("pretraining head");
    }
    match common(raw) {
        Ok(name) => Canonical::Tensor(with_prefix(name, prefix, parts)),
        Err(ignored) => ignored,
    }
}

#[cfg(test)]
mod tests;
