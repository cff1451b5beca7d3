//! What the formats for people share.

use super::{Candidate, Matrix, MatrixCell};
use crate::{
    gate::Gate,
    report::view::{MISSING, interval, number, ratio, share},
};

/// The names of the columns of [`rows`].
pub(super) const HEADER: [&str; 10] = [
    "model",
    "dataset",
    "arm",
    "metric",
    "baseline",
    "candidate",
    "drop",
    "speedup",
    "size (MB)",
    "gates, verdict",
];

/// A line for each candidate of each cell; a cell without any has one.
pub(super) fn rows(matrix: &Matrix) -> Vec<Vec<String>> {
    let lines = matrix.cells.iter().flat_map(|cell| {
        let of: Vec<_> = cell.candidates.iter().map(|candidate| row(cell, candidate)).collect();
        if of.is_empty() { vec![bare(cell)] } else { of }
    });
    lines.collect()
}

fn row(cell: &MatrixCell, of: &Candidate) -> Vec<String> {
    let point = |value: Option<f64>, show: fn(f64) -> String| value.map_or(MISSING.to_owned(), show);
    let drop = of.drop.as_ref().map(|it| interval(it.value, it.low, it.high, share));
    let speedup = of.speedup.map(|it| interval(it.value, it.low, it.high, ratio));
    let gate = |which: Gate| of.gates.iter().find(|gate| gate.gate == which).map(|gate| gate.verdict.words());
    let gates: Vec<_> = [Gate::Quality, Gate::Speed, Gate::Size].into_iter().filter_map(gate).collect();
    vec![
        cell.model.clone(),
        cell.dataset.clone(),
        of.arm.clone(),
        cell.metric.map_or(MISSING.to_owned(), |metric| metric.name().to_owned()),
        point(cell.baseline_value.as_ref().map(|value| value.value), share),
        point(of.value.as_ref().map(|value| value.value), share),
        drop.unwrap_or_else(|| MISSING.to_owned()),
        speedup.unwrap_or_else(|| MISSING.to_owned()),
        point(of.size_mb, number),
        format!("{}: {}", gates.join(", "), of.verdict.words()),
    ]
}

fn bare(cell: &MatrixCell) -> Vec<String> {
    let mut row = vec![MISSING.to_owned(); HEADER.len()];
    (row[0], row[1]) = (cell.model.clone(), cell.dataset.clone());
    row[HEADER.len() - 1] = cell.verdict.words().to_owned();
    row
}

/// The verdicts alone: a line per model, a column per dataset; nothing where no cell was asked for.
pub(super) fn verdicts(matrix: &Matrix) -> Vec<(String, Vec<String>)> {
    let word = |model: &String, dataset: &String| {
        matrix.cell(model, dataset).map_or(String::new(), |cell| cell.verdict.words().to_owned())
    };
    let of = |model: &String| matrix.datasets.iter().map(|dataset| word(model, dataset)).collect();
    matrix.models.iter().map(|model| (model.clone(), of(model))).collect()
}

/// What is to be said of single cells.
pub(super) fn notes(matrix: &Matrix) -> Vec<String> {
    let note = |cell: &MatrixCell| {
        let name = format!("{} on {}", cell.model, cell.dataset);
        let same = cell.same_as.as_ref().map(|same| format!("{name}: the same content as {same}"));
        let error = cell.error.as_ref().map(|error| format!("{name}: {error}"));
        [same, error]
    };
    matrix.cells.iter().flat_map(note).flatten().collect()
}
