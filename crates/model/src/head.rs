//! What sits on top of the token states, as plain data that every backend can build.

use crate::activation::Activation;

/// A head for sequence classification: one state per row, then layers, the last of which gives the logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    /// Which state of a row.
    pub pick: Pick,
    /// In the order they are applied.
    pub layers: Vec<Dense>,
}

/// One state out of a row's token states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The first token's.
    First,
    /// The mean over all tokens.
    Mean,
    /// That of the last token with this id, or of the last token where none has it.
    Last(u32),
}

/// A linear layer and what follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Path of the module; its tensors are `{module}.weight` and `{module}.bias`.
    pub module: String,
    /// Columns of the weight.
    pub inputs: usize,
    /// Rows of the weight.
    pub outputs: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// Applied to the sum.
    pub activation: Option<Activation>,
    /// Applied last.
    pub norm: Option<NormName>,
}

/// A norm by its module.
#[derive(Debug, Clone, PartialEq)]
pub struct NormName {
    /// Path of the module; its tensors are `{module}.weight` and `{module}.bias`.
    pub module: String,
    /// Added to the variance in a layer norm. Without it nothing is normed, only scaled and shifted.
    pub epsilon: Option<f32>,
    /// Whether there is a bias.
    pub bias: bool,
}

impl Dense {
    /// A layer with bias, and nothing after it.
    pub fn new(module: impl Into<String>, inputs: usize, outputs: usize) -> Self {
        Self { module: module.into(), inputs, outputs, bias: true, activation: None, norm: None }
    }

    /// The same, with an activation.
    pub fn then(self, activation: Activation) -> Self {
        Self { activation: Some(activation), ..self }
    }
}

impl Classifier {
    /// On the first token's state: `layer` of the model's own width, then the logits.
    pub fn on_first(layer: Dense, output: impl Into<String>, labels: usize) -> Self {
        let output = Dense::new(output, layer.outputs, labels);
        Self { pick: Pick::First, layers: vec![layer, output] }
    }
}
