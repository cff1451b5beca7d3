//! `matrix.csv`: a row for each candidate of each cell; a cell without any has one.

use super::{Candidate, Matrix, MatrixCell};
use crate::{
    analysis::{MetricDrop, MetricRatio},
    gate::Gate,
    report::{
        ReportError,
        csv::{inert, number, word},
    },
};

/// What stands in the cells of a row.
type Content = fn(&MatrixCell, Option<&Candidate>) -> String;

/// Columns are only ever added, at the end.
const COLUMNS: [(&str, Content); 26] = [
    ("model", |cell, _| cell.model.clone()),
    ("dataset", |cell, _| cell.dataset.clone()),
    ("split", |cell, _| cell.split.clone().unwrap_or_default()),
    ("rows", |cell, _| cell.rows.map_or(String::new(), |rows| rows.to_string())),
    ("verdict", |cell, _| word(&cell.verdict)),
    ("exit_code", |cell, _| cell.exit_code.to_string()),
    ("metric", |cell, _| cell.metric.as_ref().map_or(String::new(), word)),
    ("baseline", |cell, _| cell.baseline.clone().unwrap_or_default()),
    ("baseline_value", |cell, _| number(cell.baseline_value.as_ref().map(|value| value.value))),
    ("arm", |_, of| of.map_or(String::new(), |of| of.arm.clone())),
    ("bits", |_, of| of.and_then(|of| of.bits).map_or(String::new(), |bits| bits.to_string())),
    ("value", |_, of| number(of.and_then(|of| Some(of.value.as_ref()?.value)))),
    ("drop", |_, of| number(drop(of).map(|drop| drop.value))),
    ("drop_low", |_, of| number(drop(of).and_then(|drop| drop.low))),
    ("drop_high", |_, of| number(drop(of).and_then(|drop| drop.high))),
    ("speedup", |_, of| number(speedup(of).map(|ratio| ratio.value))),
    ("speedup_low", |_, of| number(speedup(of).and_then(|ratio| ratio.low))),
    ("speedup_high", |_, of| number(speedup(of).and_then(|ratio| ratio.high))),
    ("size_mb", |_, of| number(of.and_then(|of| of.size_mb))),
    ("size_ratio", |_, of| number(of.and_then(|of| of.size_ratio))),
    ("gate_quality", |_, of| gate(of, Gate::Quality)),
    ("gate_speed", |_, of| gate(of, Gate::Speed)),
    ("gate_size", |_, of| gate(of, Gate::Size)),
    ("error", |cell, _| cell.error.clone().unwrap_or_default()),
    ("same_as", |cell, _| cell.same_as.clone().unwrap_or_default()),
    ("report", |cell, _| cell.report.clone().unwrap_or_default()),
];

fn drop(of: Option<&Candidate>) -> Option<&MetricDrop> {
    of?.drop.as_ref()
}

fn speedup(of: Option<&Candidate>) -> Option<&MetricRatio> {
    of?.speedup.as_ref()
}

fn gate(of: Option<&Candidate>, which: Gate) -> String {
    let found = of.and_then(|of| of.gates.iter().find(|gate| gate.gate == which));
    found.map_or(String::new(), |gate| word(&gate.verdict))
}

pub(super) fn serialize(matrix: &Matrix) -> Result<Vec<u8>, ReportError> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.map(|(name, _)| name))?;
    for cell in &matrix.cells {
        let mut candidates: Vec<_> = cell.candidates.iter().map(Some).collect();
        if candidates.is_empty() {
            candidates.push(None);
        }
        for of in candidates {
            writer.write_record(COLUMNS.map(|(_, content)| inert(&content(cell, of)).into_owned()))?;
        }
    }
    writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()).into())
}
