//! One cell of a run, fully resolved: a model on a dataset with its arms. What the runner works on.

use std::{path::Path, time::Duration};

use gatecheck_backend::worker::protocol::{BackendKind, WorkerSpec};
use gatecheck_base::{fs::FileError, stamp::Stamp};
use gatecheck_judge::{
    record::{DatasetFacts, Given, ModelFacts, Policy, Quantization, Role, RunSettings},
    task::Outputs,
};
use gatecheck_model::batch::Batch;

use super::inputs::Inputs;

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
    /// Where an artefact comes from that was given and not converted for the run.
    pub given: Option<Given>,
    /// What is odd about it, in plain words.
    pub findings: Vec<String>,
    /// Its files as they were when the run was planned. An arm loads them again in every session.
    pub files: Vec<Stamp>,
}

impl ArmPlan {
    /// The backend's name.
    pub fn backend(&self) -> &'static str {
        match self.spec.backend {
            BackendKind::Candle => "candle",
            BackendKind::Mlx => "mlx",
            BackendKind::Mock(_) => "mock",
        }
    }

    /// The first of its files that is no longer what it was.
    pub fn changed(&self) -> Option<&Path> {
        self.files.iter().find_map(Stamp::changed)
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Queries per arm in the latency phase.
    pub latency_queries: u32,
    /// The throughput phase repeats whole passes until every arm has worked this long.
    pub throughput_s: f64,
    /// Quiet time before an arm takes over, so that threads of the other have stopped spinning.
    pub pause: Duration,
}

/// A model on a dataset with its arms.
#[derive(Debug)]
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
    pub inputs: Inputs,
    /// What an example takes and gives.
    pub outputs: Outputs,
    /// Gold labels as positions in the dataset's `labels.names`, or scores.
    pub gold: Vec<f64>,
    /// How much is measured.
    pub effort: Effort,
    /// One-minute load average before gatecheck itself did anything; none where it would be gatecheck's own.
    pub load_before: Option<f64>,
}

impl Cell {
    /// One query.
    pub fn query(&self, example: usize) -> Result<Batch, FileError> {
        self.inputs.rows(example, self.outputs.query_rows)
    }

    /// Hands on the outputs of the examples of a batch, made of the numbers of its rows, `width` each. An example whose
    /// rows are not what they must be is left out.
    pub fn read(
        &self,
        examples: &[usize],
        width: usize,
        values: &[f32],
        mut on_outputs: impl FnMut(usize, &[f32]),
    ) {
        let mut rows = values.chunks_exact(width.max(1));
        let mut outputs = vec![0.0; self.outputs.width];
        for example in examples {
            let count = self.inputs.rows_each();
            let rows: Vec<&[f32]> = rows.by_ref().take(count).collect();
            if rows.len() == count && self.outputs.read(&rows, &mut outputs) {
                on_outputs(*example, &outputs);
            }
        }
    }
}
