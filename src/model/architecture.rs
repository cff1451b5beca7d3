//! The architectures gatecheck can run, by the `model_type` of `config.json`.

use super::config::ConfigError;
use crate::text;

/// A family of encoders with one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// BERT and everything stored as it: MiniLM, XtremeDistil, … (<https://arxiv.org/abs/1810.04805>).
    Bert,
}

impl Architecture {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Bert];

    /// Finds the architecture of a `model_type`.
    pub fn from_model_type(model_type: &str) -> Result<Self, ConfigError> {
        Self::ALL.iter().copied().find(|one| one.name() == model_type).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|one| one.name()).collect();
            ConfigError::Architecture { model_type: model_type.to_owned(), known: text::list(&known, 20) }
        })
    }

    /// The `model_type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
        }
    }
}
