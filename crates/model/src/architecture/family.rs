//! What sets one architecture apart from the others.

use super::role::Role;
use crate::{blueprint::Blueprint, error::ConfigError, json::Json};

/// A family of encoders with one graph.
#[derive(Debug)]
pub struct Architecture {
    pub(super) name: &'static str,
    pub(super) read: fn(&Json<'_>, usize) -> Result<Blueprint, ConfigError>,
    pub(super) rename: fn(&str) -> Canonical,
    /// Tables of embeddings, by the paths of their modules.
    pub(super) tables: &'static [(&'static str, Role)],
    /// Starts of canonical names that belong to heads: what the head in use has not taken is left.
    pub(super) heads: &'static [&'static str],
    /// How many classes transformers assumes where `config.json` tells neither names nor number.
    pub(super) default_labels: u64,
    /// What an artefact calls its tensors.
    pub(super) stored: Stored,
}

impl PartialEq for Architecture {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The names of the tensors in an artefact: those of the checkpoint that it is made of, unless the loader that people use
/// for such artefacts, mlx-embeddings, asks for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// Those of the checkpoint.
    AsFound,
    /// The canonical ones.
    Canonical,
    /// Canonical ones without this prefix, where the model has no classification head; with one they are as found.
    Without(&'static str),
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

impl Architecture {
    /// The `model_type`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Tells what the tensor `raw` of a checkpoint is.
    pub fn canonical(&self, raw: &str) -> Canonical {
        (self.rename)(raw)
    }

    /// What an artefact calls a tensor, given its canonical name and that in the checkpoint.
    pub(crate) fn stored(&self, name: &str, raw: &str, has_classifier: bool) -> String {
        match self.stored {
            Stored::Canonical => name.to_owned(),
            Stored::Without(prefix) if !has_classifier => {
                name.strip_prefix(prefix).unwrap_or(name).to_owned()
            }
            // Names of parts that no loader knows any more, such as `gamma`, are those of today.
            _ => match (raw.rsplit_once('.'), name.rsplit_once('.')) {
                (Some((module, _)), Some((_, part))) => format!("{module}.{part}"),
                _ => raw.to_owned(),
            },
        }
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
    pub(crate) fn default_labels(&self) -> u64 {
        self.default_labels
    }

    /// The blueprint of a configuration, with a head for so many classes.
    pub(crate) fn read(&self, config: &Json<'_>, labels: usize) -> Result<Blueprint, ConfigError> {
        (self.read)(config, labels)
    }
}
