//! A labelled pair of sentences.

use serde::{Deserialize, Serialize};

/// Whether the hypothesis follows from the premise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// The premise makes the hypothesis true.
    Entailment,
    /// The premise leaves it open.
    Neutral,
    /// The premise makes it false.
    Contradiction,
}

impl Label {
    /// All labels, in the order of their ids.
    pub(crate) const ALL: [Self; 3] = [Self::Entailment, Self::Neutral, Self::Contradiction];
    /// Their names, in the same order.
    pub(crate) const NAMES: [&str; 3] = ["entailment", "neutral", "contradiction"];

    /// The number that stands for the label in files and logits.
    pub(crate) fn id(self) -> usize {
        self as usize
    }
}

/// One row of the data, as it stands in `validation.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) premise: String,
    pub(crate) hypothesis: String,
    /// [`Label::id`].
    pub(crate) label: usize,
    /// The row's number, from 0.
    pub(crate) idx: usize,
    /// Which of the grammar's phenomena made it.
    pub(crate) phenomenon: String,
}
