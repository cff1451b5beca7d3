//! `report.csv`: one row per arm, for spreadsheets and history.

use super::{Exporter, Report, ReportError, json::ten_digits, view};
use crate::analysis::{ArmSummary, Estimate};

/// The report as CSV. A quantity that could not be had is an empty cell.
pub(super) struct Csv;

impl Exporter for Csv {
    fn serialize(&self, report: &Report) -> Result<Vec<u8>, ReportError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows: Vec<Vec<(&str, String)>> = report.arms.iter().map(|arm| row(report, arm)).collect();
        writer.write_record(HEADER)?;
        for row in rows {
            writer.write_record(row.into_iter().map(|(_, cell)| cell))?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
    }
}

/// The columns; new ones are added at the end.
const HEADER: [&str; 45] = [
    "model",
    "dataset",
    "split",
    "rows",
    "arm",
    "role",
    "backend",
    "device",
    "execution",
    "bits",
    "metric",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "accuracy_n",
    "pearson",
    "macro_f1",
    "mcc",
    "qpm",
    "tokens_per_second",
    "latency_n",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "memory_average_mb",
    "memory_peak_mb",
    "size_mb",
    "accuracy_drop",
    "accuracy_drop_low",
    "accuracy_drop_high",
    "speedup",
    "speedup_low",
    "speedup_high",
    "speedup_blocks",
    "size_ratio",
    "flips",
    "gate_accuracy",
    "gate_speed",
    "gate_size",
    "verdict",
    "predictions_sha256",
    "failure",
    "started_unix_s",
    "recall",
    "label_rule",
];

/// The cells of one arm, each with the column it belongs to.
fn row<'a>(report: &'a Report, arm: &'a ArmSummary) -> Vec<(&'static str, String)> {
    let mut row = identity(report, arm);
    row.extend(quality(arm));
    row.extend(performance(arm));
    row.extend(comparison(report, arm));
    row.extend(outcome(report, arm));
    row
}

fn identity(report: &Report, arm: &ArmSummary) -> Vec<(&'static str, String)> {
    vec![
        ("model", report.model.name.clone()),
        ("dataset", report.dataset.name.clone()),
        ("split", report.dataset.split.clone()),
        ("rows", report.dataset.rows.to_string()),
        ("arm", arm.name.clone()),
        ("role", word(&arm.role)),
        ("backend", arm.backend.clone()),
        ("device", arm.device.clone()),
        ("execution", arm.execution.clone()),
        ("bits", arm.bits.map_or(String::new(), |bits| bits.to_string())),
        ("metric", word(&report.metric)),
    ]
}

fn quality(arm: &ArmSummary) -> Vec<(&'static str, String)> {
    let accuracy = arm.accuracy;
    vec![
        ("accuracy", value(accuracy)),
        ("accuracy_low", number(accuracy.and_then(|accuracy| accuracy.low))),
        ("accuracy_high", number(accuracy.and_then(|accuracy| accuracy.high))),
        ("accuracy_n", accuracy.map_or(String::new(), |accuracy| accuracy.n.to_string())),
        ("pearson", value(arm.pearson)),
        ("macro_f1", number(arm.macro_f1)),
        ("mcc", number(arm.mcc)),
    ]
}

fn performance(arm: &ArmSummary) -> Vec<(&'static str, String)> {
    let latency = arm.latency_ms.as_ref();
    vec![
        ("qpm", number(arm.qpm)),
        ("tokens_per_second", number(arm.tokens_per_second)),
        ("latency_n", latency.map_or(String::new(), |latency| latency.n.to_string())),
        ("latency_p50_ms", number(latency.map(|latency| latency.p50))),
        ("latency_p95_ms", number(latency.map(|latency| latency.p95))),
        ("latency_p99_ms", number(latency.map(|latency| latency.p99))),
        ("memory_average_mb", number(arm.memory_mb.average)),
        ("memory_peak_mb", number(arm.memory_mb.peak)),
        ("size_mb", number(arm.size_mb)),
    ]
}

fn comparison(report: &Report, arm: &ArmSummary) -> Vec<(&'static str, String)> {
    let comparison = report.comparisons.iter().find(|comparison| comparison.arm == arm.name);
    let comparison = comparison.filter(|_| arm.role != crate::record::Role::Baseline);
    let drop = comparison.and_then(|comparison| comparison.accuracy_drop.as_ref());
    let speedup = comparison.and_then(|comparison| comparison.speedup);
    let flips = comparison.and_then(|comparison| comparison.flips);
    vec![
        ("accuracy_drop", number(drop.map(|drop| drop.value))),
        ("accuracy_drop_low", number(drop.and_then(|drop| drop.low))),
        ("accuracy_drop_high", number(drop.and_then(|drop| drop.high))),
        ("speedup", number(speedup.map(|speedup| speedup.value))),
        ("speedup_low", number(speedup.and_then(|speedup| speedup.low))),
        ("speedup_high", number(speedup.and_then(|speedup| speedup.high))),
        ("speedup_blocks", speedup.map_or(String::new(), |speedup| speedup.blocks.to_string())),
        ("size_ratio", number(comparison.and_then(|comparison| comparison.size_ratio))),
        ("flips", flips.map_or(String::new(), |flips| flips.count.to_string())),
    ]
}

fn outcome(report: &Report, arm: &ArmSummary) -> Vec<(&'static str, String)> {
    let gate = |name: &str| {
        let found = report.gates.iter().find(|gate| gate.arm == arm.name && gate.name.name() == name);
        let found = found.filter(|_| arm.role == crate::record::Role::Candidate);
        found.map_or(String::new(), |gate| word(&gate.verdict))
    };
    let failure = arm.failure.as_ref();
    vec![
        ("gate_accuracy", gate("accuracy")),
        ("gate_speed", gate("speed")),
        ("gate_size", gate("size")),
        ("verdict", word(&report.verdict)),
        ("predictions_sha256", arm.predictions_sha256.clone().unwrap_or_default()),
        (
            "failure",
            failure.map_or(String::new(), |failure| format!("{}: {}", failure.phase, failure.message)),
        ),
        ("started_unix_s", report.started_unix_s.to_string()),
        ("recall", recall(report, arm)),
        ("label_rule", report.dataset.labels.as_ref().map_or(String::new(), |labels| word(&labels.rule))),
    ]
}

/// `entailment=0.9;neutral=0.8`; a class without examples has no number.
fn recall(report: &Report, arm: &ArmSummary) -> String {
    let each = view::label_names(report).iter().zip(&arm.recall);
    let each: Vec<String> = each.map(|(name, recall)| format!("{name}={}", number(*recall))).collect();
    each.join(";")
}

fn value(estimate: Option<Estimate>) -> String {
    number(estimate.map(|estimate| estimate.value))
}

fn number(number: Option<f64>) -> String {
    number.map_or(String::new(), |number| ten_digits(number).to_string())
}

/// The word that stands for an enum variant in JSON.
fn word(variant: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(variant).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::RunRecord;

    fn rows(record: &RunRecord) -> Vec<csv::StringRecord> {
        let bytes = Csv.serialize(&Report::new(record, &record.policy)).unwrap();
        csv::Reader::from_reader(bytes.as_slice()).records().map(Result::unwrap).collect()
    }

    fn cell<'a>(row: &'a csv::StringRecord, column: &str) -> &'a str {
        &row[HEADER.iter().position(|name| *name == column).unwrap()]
    }

    #[test]
    fn cells_stand_under_their_header() {
        for record in [fixture::record(), fixture::similarity(), fixture::empty(), fixture::folded()] {
            let report = Report::new(&record, &record.policy);
            for arm in &report.arms {
                let names: Vec<_> = row(&report, arm).into_iter().map(|(name, _)| name).collect();
                assert_eq!(names, HEADER);
            }
        }
    }

    #[test]
    fn every_arm_has_a_row() {
        let rows = rows(&fixture::record());
        let column = |name| rows.iter().map(|row| cell(row, name)).collect::<Vec<_>>();
        assert_eq!(column("arm"), ["candle", "mlx", "mlx-q8"]);
        assert_eq!(column("accuracy"), ["0.9", "0.9", "0.9"]);
        assert_eq!(column("flips"), ["", "0", "2"]);
        assert_eq!(column("gate_size"), ["", "", "pass"]);
        assert_eq!(column("recall")[0], "entailment=0.9;neutral=0.9;contradiction=0.9");
        assert_eq!(column("label_rule")[2], "by-name");
    }

    #[test]
    fn hostile_names_stay_in_their_cell() {
        let mut record = fixture::killed(2);
        record.model.name = "a,\"b\"\r\nc".to_owned();
        let rows = rows(&record);
        assert_eq!(cell(&rows[0], "model"), "a,\"b\"\r\nc");
        assert_eq!(cell(&rows[2], "failure"), "load: killed by signal 9");
        assert_eq!(cell(&rows[2], "accuracy"), "");
    }
}
