//! The architectures gatecheck can run, by the `model_type` of `config.json`. Each has a file that reads
//! its configuration, says what its classification head is, and knows how checkpoints name its tensors.

mod albert;
mod bart;
mod bert;
mod deberta_v2;
mod distilbert;
mod electra;
mod family;
mod mobilebert;
mod modernbert;
mod mpnet;
mod rename;
mod roberta;
mod role;
mod sizes;

use gatecheck_base::text;

pub use self::{
    family::{Architecture, Canonical},
    role::Role,
};
use crate::error::ConfigError;

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
}

#[cfg(test)]
mod tests;
