//! One cell of a run, fully resolved: a model on a dataset with its arms. What the runner works on.

use std::time::Duration;

use gatecheck_backend::worker::protocol::WorkerSpec;
use gatecheck_judge::{
    record::{DatasetFacts, ModelFacts, Policy, Quantization, Role, RunSettings},
    task::Outputs,
};
use gatecheck_model::batch::Encoded;

/// One example as the model reads it: a text or a pair read together, the two texts of a similarity
/// pair, or a premise with each hypothesis in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The rows of a batch, at least one.
    pub rows: Vec<Encoded>,
}

impl Input {
    /// Real tokens.
    pub fn tokens(&self) -> u32 {
        self.rows.iter().map(|row| row.ids.len() as u32).sum()
    }

    /// Tokens of the longest row.
    pub fn longest(&self) -> u32 {
        self.rows.iter().map(|row| row.ids.len() as u32).max().unwrap_or(0)
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
    /// What an example takes and gives.
    pub outputs: Outputs,
    /// Gold labels as positions in the dataset's `labels.names`, or scores.
    pub gold: Vec<f64>,
    /// How much is measured.
    pub effort: Effort,
}

impl Cell {
    /// The rows of one query.
    pub fn query(&self, example: usize) -> &[Encoded] {
        &self.inputs[example].rows[..self.outputs.query_rows]
    }
}
