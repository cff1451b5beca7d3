//! What sits on top of the token states, as plain data that every backend can build.

use crate::{activation::Activation, error::ConfigError};

/// From the token states of a row to what the model gives out for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// What the numbers mean that it gives out.
    pub output: Output,
    /// One vector each, side by side.
    pub picks: Vec<Pick>,
    /// What is done to the result, in this order.
    pub steps: Vec<Step>,
}

/// The meaning of what a head gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// One number per class of sequence classification.
    Logits,
    /// One vector per text.
    Embedding,
}

/// One vector out of a row's token states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The first token's state.
    First,
    /// The last token's state.
    Last,
    /// The state of the last token with this id, or of the last token where none has it.
    LastOf(u32),
    /// The highest value of each dimension.
    Max,
    /// The mean over all tokens.
    Mean,
    /// The sum over all tokens, divided by the square root of their number.
    MeanSqrt,
}

/// What is done to the vector of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A linear layer with what follows it.
    Dense(Dense),
    /// Scales the vector to length 1.
    Normalize,
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

impl Head {
    /// A head for sequence classification on one vector: linear layers, the last of which gives the logits.
    pub fn classifier(pick: Pick, layers: impl IntoIterator<Item = Dense>) -> Self {
        let steps = layers.into_iter().map(Step::Dense).collect();
        Self { output: Output::Logits, picks: vec![pick], steps }
    }

    /// A classifier on the first token's state: `layer`, then the logits.
    pub fn on_first(layer: Dense, output: impl Into<String>, labels: usize) -> Self {
        let output = Dense::new(output, layer.outputs, labels);
        Self::classifier(Pick::First, [layer, output])
    }

    /// The linear layers.
    pub fn layers(&self) -> impl Iterator<Item = &Dense> {
        self.steps.iter().filter_map(|step| match step {
            Step::Dense(dense) => Some(dense),
            Step::Normalize => None,
        })
    }

    /// Refuses layers whose widths do not follow from states of `hidden_size`.
    pub fn check(&self, hidden_size: usize) -> Result<(), ConfigError> {
        let mut width = hidden_size * self.picks.len();
        for Dense { module, inputs, outputs, .. } in self.layers() {
            if *inputs != width {
                return Err(ConfigError::Inconsistent(format!(
                    "`{module}` takes vectors of {inputs}, and gets {width}"
                )));
            }
            width = *outputs;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_from_the_states() {
        let head = |first: usize, picks: Vec<Pick>| Head {
            picks,
            ..Head::on_first(Dense::new("classifier.dense", first, 6), "classifier.out_proj", 3)
        };
        head(4, vec![Pick::First]).check(4).unwrap();
        head(8, vec![Pick::Mean, Pick::Last]).check(4).unwrap();
        let message = head(4, vec![Pick::Mean, Pick::Max]).check(4).unwrap_err().to_string();
        assert_eq!(message, "`classifier.dense` takes vectors of 4, and gets 8");
        let uneven = Head::classifier(Pick::First, [Dense::new("a", 4, 6), Dense::new("b", 4, 3)]);
        assert_eq!(uneven.check(4).unwrap_err().to_string(), "`b` takes vectors of 4, and gets 6");
    }
}
