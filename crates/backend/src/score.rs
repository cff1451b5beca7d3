//! How likely a model holds given texts to be: perplexity and multiple choice are made of this.

use crate::{error::BackendError, model::Model};

/// A text whose likelihood is asked for, and what comes before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Continuation {
    /// Token ids that are given, at least one.
    pub context: Vec<u32>,
    /// Token ids whose probabilities are asked for.
    pub tokens: Vec<u32>,
}

/// What a model says of one token, given all before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenScore {
    /// Natural logarithm of its probability.
    pub log_probability: f32,
    /// Whether no other token is more likely.
    pub greedy: bool,
}

/// Scores continuations. The logits of the vocabulary stay on the device: two numbers per token leave it.
pub trait Score: Model {
    /// For each continuation its tokens' scores, in their order.
    fn score(&mut self, continuations: &[Continuation]) -> Result<Vec<Vec<TokenScore>>, BackendError>;
}
