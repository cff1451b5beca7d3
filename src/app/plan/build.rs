//! Everything in its place: what the runner works on.

use std::time::Duration;

use gatecheck_judge::record::{ModelFacts, Policy, RunSettings};

use super::ask::Asked;
use crate::app::{
    cell::{ArmPlan, Cell, Effort},
    defaults,
    settings::Measuring,
};

/// The cell of a model, a dataset put to it, and arms with their files. `load_before` as in [`Cell`].
pub fn cell(
    model: ModelFacts,
    asked: Asked,
    arms: Vec<ArmPlan>,
    measuring: &Measuring,
    policy: Policy,
    load_before: Option<f64>,
) -> Cell {
    let Asked { dataset, inputs, outputs, gold } = asked;
    let Measuring { batch_size, threads, seed, latency_queries, timeout_s: _, mock } = measuring;
    let settings = RunSettings {
        batch_size: *batch_size,
        threads: *threads,
        padding_rule: "sorted by length and cut into batches; MLX pads each batch to its longest row, \
                       candle computes real tokens only"
            .to_owned(),
        confidence: defaults::CONFIDENCE,
        resamples: defaults::RESAMPLES,
    };
    // Threads of a matrix library spin for some 30 ms after a product before they sleep.
    let (pause, throughput_s) =
        if mock.is_empty() { (Duration::from_millis(30), 2.0) } else { (Duration::ZERO, 0.0) };
    let effort = Effort { latency_queries: *latency_queries, throughput_s, pause };
    Cell { model, dataset, settings, policy, seed: *seed, arms, inputs, outputs, gold, effort, load_before }
}
