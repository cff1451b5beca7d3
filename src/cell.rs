//! One cell of a run, fully resolved: a model on a dataset with its arms. What the runner works on.

use std::time::Duration;

use crate::{
    model::batch::Encoded,
    record::{DatasetFacts, ModelFacts, Policy, Quantization, Role, RunSettings},
    worker::protocol::WorkerSpec,
};

/// One example as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A text, or a pair read together.
    One(Encoded),
    /// Two texts embedded apart and compared.
    Two(Encoded, Encoded),
}

impl Input {
    /// The texts, each a row of a batch.
    pub fn rows(&self) -> impl Iterator<Item = &Encoded> {
        let (first, second) = match self {
            Self::One(only) => (only, None),
            Self::Two(first, second) => (first, Some(second)),
        };
        std::iter::once(first).chain(second)
    }

    /// Real tokens.
    pub fn tokens(&self) -> u32 {
        self.rows().map(|row| row.ids.len() as u32).sum()
    }

    /// Tokens of the longest row.
    pub fn longest(&self) -> u32 {
        self.rows().map(|row| row.ids.len() as u32).max().unwrap_or(0)
    }
}

/// One arm, ready to start.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmPlan {
    /// Name as given to `--arms`.
    pub name: String,
    /// Its part.
    pub role: Role,
    /// What its worker loads.
    pub spec: WorkerSpec,
    /// Quantization of its weights.
    pub quantization: Option<Quantization>,
    /// Size on disk of the files needed to run it.
    pub size_bytes: u64,
    /// The size computed from the recipe.
    pub expected_size_bytes: Option<u64>,
    /// SHA-256 of the conversion recipe.
    pub recipe_sha256: Option<String>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Queries per arm in the latency phase.
    pub latency_queries: u32,
    /// The throughput phase repeats whole passes until every arm has worked this long.
    pub throughput_s: f64,
    /// Quiet time before an arm takes over, so that threads of the other have stopped spinning.
    pub settle: Duration,
}

/// A model on a dataset with its arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The model.
    pub model: ModelFacts,
    /// The dataset.
    pub dataset: DatasetFacts,
    /// The set-up that goes into the record.
    pub settings: RunSettings,
    /// The limits.
    pub policy: Policy,
    /// Seed of every shuffle and resampling.
    pub seed: u64,
    /// The arms, the baseline first.
    pub arms: Vec<ArmPlan>,
    /// The examples, in dataset order.
    pub inputs: Vec<Input>,
    /// Gold labels in the model's order, or scores.
    pub gold: Vec<f64>,
    /// How much is measured.
    pub effort: Effort,
    /// Doubts that planning already has.
    pub warnings: Vec<String>,
}
