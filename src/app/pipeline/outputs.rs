//! Results where users of the Python pipeline look for them: `test_results` and `comparisons`. They are copies; what
//! counts is in the folders of the cells.

use std::path::Path;

use gatecheck_base::fs::write_atomic;
use gatecheck_judge::{
    analysis::Comparison,
    gate::GateResult,
    record::Role,
    report::{Format, Report},
};
use serde::Serialize;

use super::place::Place;

/// `test_results/<model>_<N>bit_results.json`.
#[derive(Serialize)]
struct Results<'a> {
    model: &'a str,
    bits: u32,
    /// `report.json` of each dataset.
    reports: &'a [serde_json::Value],
}

/// `comparisons/<model>_comparison.json`.
#[derive(Serialize)]
struct Comparisons<'a> {
    model: &'a str,
    datasets: Vec<OfDataset<'a>>,
}

#[derive(Serialize)]
struct OfDataset<'a> {
    dataset: &'a str,
    comparisons: &'a [Comparison],
    gates: &'a [GateResult],
    verdict: gatecheck_judge::gate::Verdict,
}

/// Writes what is known of a model by now.
pub(super) fn tell(place: &Place, model: &str, reports: &[&Report]) {
    let mut widths: Vec<u32> = reports.iter().flat_map(|report| bits(report)).collect();
    widths.sort_unstable();
    widths.dedup();
    let as_written = |report: &&Report| {
        let bytes = Format::Json.exporter().serialize(report).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    };
    let documents: Vec<serde_json::Value> = reports.iter().map(as_written).collect();
    for bits in widths {
        let ending = format!("_{bits}bit_results.json");
        write(&place.file("test_results", model, &ending), &Results { model, bits, reports: &documents });
    }
    let datasets = reports
        .iter()
        .map(|report| OfDataset {
            dataset: &report.dataset.name,
            comparisons: &report.comparisons,
            gates: &report.gates,
            verdict: report.verdict,
        })
        .collect();
    write(&place.file("comparisons", model, "_comparison.json"), &Comparisons { model, datasets });
}

/// The bits of the candidates; those of the original weights are 16.
pub(super) fn bits(report: &Report) -> Vec<u32> {
    let candidates = report.arms.iter().filter(|arm| arm.role == Role::Candidate);
    candidates.map(|arm| arm.bits.unwrap_or(16)).collect()
}

/// Writes JSON. What cannot be written is not: it is a copy.
pub(super) fn write(path: &Path, content: &impl Serialize) {
    if let Ok(mut text) = serde_json::to_vec_pretty(content) {
        text.push(b'\n');
        let _ = write_atomic(path, &text);
    }
}
