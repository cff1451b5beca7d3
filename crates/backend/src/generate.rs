//! New tokens after a prompt, one at a time.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::{error::BackendError, model::Model};

/// How tokens are chosen, and when it is enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateOptions {
    /// Most tokens that are generated.
    pub most_tokens: u32,
    /// Ids that end a text. The one that came up is given out too.
    pub stop: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
}

/// How the next token is chosen among the likely ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Always the most likely one.
    Greedy,
    /// At random.
    Random {
        /// What the logits are divided by, above zero.
        temperature: f32,
        /// Only among the most likely tokens that have this probability together.
        top_p: f32,
        /// The same seed gives the same text.
        seed: u64,
    },
}

/// Why a text came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// A token of [`GenerateOptions::stop`] came up.
    Stop,
    /// [`GenerateOptions::most_tokens`] were generated.
    Length,
    /// Whoever takes the tokens had enough.
    Taker,
}

/// Generates text.
pub trait Generate: Model {
    /// Hands each token to `on_token` as soon as it is known on the host, so that whoever takes it can note the
    /// time.
    fn generate(
        &mut self,
        prompt: &[u32],
        options: &GenerateOptions,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Ending, BackendError>;
}
