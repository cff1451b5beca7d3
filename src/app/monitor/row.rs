//! A piece of work as a row.

use std::path::Path;

use gatecheck_base::text::megabytes;
use gatecheck_judge::{journal::Progress, report::Format};
use serde::Serialize;

/// After a silence this long, in seconds, a run whose process is not known is taken to be at work no more.
const SILENCE_S: f64 = 300.0;

/// A piece of work.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Row {
    /// The model; of rows that are fetched the dataset alone.
    pub model: String,
    /// The dataset, where it is about one.
    pub dataset: String,
    /// What is done: `fetch`, `convert`, `plan`, `load`, `warm-up`, `latency`, `throughput`, or how it ended.
    pub stage: String,
    /// How much is done, in `unit`.
    pub done: Option<u64>,
    /// How much there is.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: &'static str,
    /// Of it in a second.
    pub rate: Option<f64>,
    /// Seconds until the stage is done, at this rate.
    pub left_s: Option<f64>,
    /// Resident memory of all arms together, in MB (10^6 bytes).
    pub memory_mb: Option<f64>,
    /// Seconds since its last line.
    pub silent_s: Option<f64>,
    /// Whether it is at work.
    pub at_work: bool,
}

impl Row {
    /// A cell that is not begun.
    pub(super) fn waiting() -> Self {
        Self { stage: "waiting".to_owned(), ..Self::default() }
    }
}

/// The row of a run that is not finished. `at_work` where that is known.
pub(super) fn measuring(progress: &Progress, at_work: Option<bool>, now: f64) -> Row {
    let seconds = |unix_ns: u64| unix_ns as f64 / 1e9;
    let silent_s = (now - seconds(progress.last_unix_ns)).max(0.0);
    let arms = progress.begun.arms.len() as u64;
    let queries = progress.run["request"]["measuring"]["latency_queries"].as_u64();
    let (done, total, unit) = match progress.phase.as_str() {
        "latency" => (Some(progress.queries), queries.map(|queries| queries * arms), "queries"),
        // How many passes over the rows there will be is a matter of time: counted is the pass at work.
        "throughput" => {
            let pass = progress.begun.dataset.rows * arms;
            let full = progress.examples / pass.max(1) * pass;
            let done = if progress.examples > 0 && progress.examples == full {
                pass
            } else {
                progress.examples - full
            };
            (Some(done), Some(pass), "examples")
        }
        _ => (None, None, ""),
    };
    let took = seconds(progress.last_unix_ns) - seconds(progress.phase_unix_ns);
    let rate = (took > 0.0 && progress.since_phase > 0).then(|| progress.since_phase as f64 / took);
    let left = done.zip(total).map(|(done, total)| total.saturating_sub(done) as f64);
    let memory: u64 = progress.memory.values().map(|reading| reading.current).sum();
    let ended = progress.is_finished || progress.is_interrupted;
    Row {
        model: progress.begun.model.name.clone(),
        dataset: progress.begun.dataset.name.clone(),
        stage: match (progress.is_finished, progress.is_interrupted) {
            (true, _) => "measured".to_owned(),
            (_, true) => "stopped".to_owned(),
            _ => progress.phase.clone(),
        },
        done,
        total,
        unit,
        rate,
        left_s: left.zip(rate).map(|(left, rate)| left / rate),
        memory_mb: (memory > 0).then(|| megabytes(memory)),
        silent_s: Some(silent_s),
        at_work: !ended && at_work.unwrap_or(silent_s < SILENCE_S),
    }
}

/// What the report in a folder says.
pub(super) fn finished(folder: &Path) -> Option<Row> {
    let text = std::fs::read(folder.join(Format::Json.file_name())).ok()?;
    let report: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Some(Row {
        model: word(&report["model"]["name"]),
        dataset: word(&report["dataset"]["name"]),
        stage: format!("done: {}", word(&report["verdict"]).replace('-', " ")),
        ..Row::default()
    })
}
