//! The matrix as data: what `matrix.json` holds.
//!
//! Versions of the format ([`SCHEMA_VERSION`]):
//! - 1: first version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    analysis::{ArmSummary, Comparison, MetricDrop, MetricRatio, MetricValue},
    gate::{GateResult, Verdict, exit_code},
    record::Role,
    report::{Report, view},
    task::Metric,
};

/// The version of the matrix format that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// A cell as it came out.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The model, as named.
    pub model: String,
    /// The dataset, as named.
    pub dataset: String,
    /// The folder of its reports.
    pub folder: Option<String>,
    /// Another cell of the same content, which was measured in its stead.
    pub same_as: Option<String>,
    /// What is known of it.
    pub found: Found<'a>,
}

/// What is known of a cell.
#[derive(Debug)]
pub enum Found<'a> {
    /// Its report.
    Report(&'a Report),
    /// Why it has none.
    Lacking(Lack),
}

/// Why a cell has no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// In words.
    pub message: String,
    /// The exit code that this would be for a run.
    pub exit_code: u8,
}

/// Models by datasets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// Version of this format.
    pub schema_version: u32,
    /// Every model, in the order asked for.
    pub models: Vec<String>,
    /// Every dataset, in the order asked for.
    pub datasets: Vec<String>,
    /// The cells asked for: models in their order, of each its datasets.
    pub cells: Vec<MatrixCell>,
    /// The gravest verdict of any cell.
    pub verdict: Verdict,
    /// The gravest exit code of any cell.
    pub exit_code: u8,
}

/// One model on one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixCell {
    /// The model.
    pub model: String,
    /// The dataset.
    pub dataset: String,
    /// Its split; `null` where there is no report.
    pub split: Option<String>,
    /// Examples measured; `null` where there is no report.
    pub rows: Option<u64>,
    /// The verdict of the run.
    pub verdict: Verdict,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// Why there is no report; `null` where there is one.
    pub error: Option<String>,
    /// The cell of the same content that was measured in the stead of this one.
    pub same_as: Option<String>,
    /// The folder of its reports.
    pub report: Option<String>,
    /// The quality metric that is judged.
    pub metric: Option<Metric>,
    /// Whether what could not be judged counts as failed.
    pub strict: bool,
    /// The arm that the others are compared with.
    pub baseline: Option<String>,
    /// The judged metric of the baseline.
    pub baseline_value: Option<MetricValue>,
    /// The arms that are judged.
    pub candidates: Vec<Candidate>,
}

/// An arm that is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Its name.
    pub arm: String,
    /// Bits per weight of a quantized arm.
    pub bits: Option<u32>,
    /// The judged metric.
    pub value: Option<MetricValue>,
    /// How much lower it is than that of the baseline.
    pub drop: Option<MetricDrop>,
    /// How many times as many queries per minute as the baseline.
    pub speedup: Option<MetricRatio>,
    /// Size on disk in MB (10^6 bytes).
    pub size_mb: Option<f64>,
    /// Its size / that of the baseline.
    pub size_ratio: Option<f64>,
    /// The verdict of its gates together.
    pub verdict: Verdict,
    /// Its gates.
    pub gates: Vec<GateResult>,
}

impl Matrix {
    /// Puts the cells together.
    pub fn new(entries: &[Entry<'_>]) -> Self {
        let cells: Vec<_> = entries.iter().map(cell).collect();
        let codes: Vec<u8> = cells.iter().map(|cell| cell.exit_code).collect();
        let exit_code = exit_code::of_all(&codes);
        // The verdict is that of the gravest cell, so that word and code never part.
        let gravest: Vec<_> =
            cells.iter().filter(|cell| cell.exit_code == exit_code).map(|cell| cell.verdict).collect();
        Self {
            schema_version: SCHEMA_VERSION,
            models: names(cells.iter().map(|cell| &cell.model)),
            datasets: names(cells.iter().map(|cell| &cell.dataset)),
            verdict: Verdict::overall(&gravest, false),
            exit_code,
            cells,
        }
    }

    /// The cell of a model and a dataset, where it was asked for.
    pub fn cell(&self, model: &str, dataset: &str) -> Option<&MatrixCell> {
        self.cells.iter().find(|cell| cell.model == model && cell.dataset == dataset)
    }
}

/// Each name once, in the order they come.
fn names<'a>(all: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    all.for_each(|name| {
        if !names.contains(name) {
            names.push(name.clone());
        }
    });
    names
}

fn cell(entry: &Entry<'_>) -> MatrixCell {
    let Entry { model, dataset, folder, same_as, found } = entry;
    let empty = MatrixCell {
        model: model.clone(),
        dataset: dataset.clone(),
        split: None,
        rows: None,
        verdict: Verdict::Error,
        exit_code: exit_code::ERROR,
        error: None,
        same_as: same_as.clone(),
        report: folder.clone(),
        metric: None,
        strict: false,
        baseline: None,
        baseline_value: None,
        candidates: Vec::new(),
    };
    match found {
        Found::Report(report) => of_report(report, empty),
        Found::Lacking(Lack { message, exit_code }) => MatrixCell {
            verdict: match *exit_code {
                exit_code::INCONCLUSIVE => Verdict::NotJudged,
                _ => Verdict::Error,
            },
            exit_code: *exit_code,
            error: Some(message.clone()),
            ..empty
        },
    }
}

fn of_report(report: &Report, empty: MatrixCell) -> MatrixCell {
    let baseline = report.arms.iter().find(|arm| arm.role == Role::Baseline);
    let candidates = report.arms.iter().filter(|arm| arm.role == Role::Candidate);
    MatrixCell {
        split: Some(report.dataset.split.clone()),
        rows: Some(report.dataset.rows),
        verdict: report.verdict,
        exit_code: report.exit_code,
        metric: Some(report.metric),
        strict: report.policy.strict,
        baseline: baseline.map(|arm| arm.name.clone()),
        baseline_value: baseline.and_then(|arm| arm.metric(report.metric)).cloned(),
        candidates: candidates.map(|arm| candidate(report, arm)).collect(),
        ..empty
    }
}

fn candidate(report: &Report, arm: &ArmSummary) -> Candidate {
    let comparison = report.comparisons.iter().find(|comparison| comparison.arm == arm.name);
    let gates: Vec<_> = report.gates.iter().filter(|gate| gate.arm == arm.name).cloned().collect();
    let verdicts: Vec<_> = gates.iter().map(|gate| gate.verdict).collect();
    let of = |comparison: &Comparison| comparison.drop(report.metric).cloned();
    Candidate {
        arm: arm.name.clone(),
        bits: arm.bits,
        value: arm.metric(report.metric).cloned(),
        drop: comparison.and_then(of),
        speedup: comparison.and_then(|comparison| comparison.ratio(Metric::Qpm)).copied(),
        size_mb: arm.metric(Metric::SizeMb).map(|size| size.value),
        size_ratio: comparison.and_then(view::size_ratio),
        verdict: Verdict::overall(&verdicts, report.policy.strict),
        gates,
    }
}
