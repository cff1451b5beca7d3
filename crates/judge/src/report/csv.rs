//! `report.csv`: one row per arm, for spreadsheets and history.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Exporter, Report, ReportError, json::ten_digits, view};
use crate::{
    analysis::{ArmSummary, Comparison, MetricDrop, MetricRatio},
    gate::{Gate, GateResult},
    record::Role,
    task::{Compared, Metric},
};

/// The report as CSV. A quantity that could not be had is an empty cell.
pub(super) struct Csv;

impl Exporter for Csv {
    fn serialize(&self, report: &Report) -> Result<Vec<u8>, ReportError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let columns = columns();
        writer.write_record(columns.iter().map(|(name, _)| name))?;
        for arm in &report.arms {
            let line = Line::of(report, arm);
            writer
                .write_record(columns.iter().map(|(_, content)| inert(&content.cell(&line)).into_owned()))?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
    }
}

/// What the cells of one row are made of.
struct Line<'a> {
    report: &'a Report,
    arm: &'a ArmSummary,
    /// `None` for the baseline.
    comparison: Option<&'a Comparison>,
}

impl<'a> Line<'a> {
    fn of(report: &'a Report, arm: &'a ArmSummary) -> Self {
        let comparison = report.comparisons.iter().find(|comparison| comparison.arm == arm.name);
        Self { report, arm, comparison: comparison.filter(|_| arm.role != Role::Baseline) }
    }

    fn value(&self, id: Metric) -> Option<f64> {
        self.arm.metric(id).map(|metric| metric.value)
    }

    fn drop(&self, id: Metric) -> Option<&MetricDrop> {
        self.comparison?.drop(id)
    }

    fn speedup(&self) -> Option<&MetricRatio> {
        self.comparison?.ratio(Metric::Qpm)
    }

    fn gate(&self, which: Gate) -> Option<&GateResult> {
        let found = self.report.gates.iter().find(|gate| gate.arm == self.arm.name && gate.gate == which);
        found.filter(|_| self.arm.role == Role::Candidate)
    }
}

type Cell = fn(&Line<'_>) -> String;

/// The columns with names of their own.
const COLUMNS: [(&str, Cell); 46] = [
    ("model", |line| line.report.model.name.clone()),
    ("dataset", |line| line.report.dataset.name.clone()),
    ("split", |line| line.report.dataset.split.clone()),
    ("rows", |line| line.report.dataset.rows.to_string()),
    ("arm", |line| line.arm.name.clone()),
    ("role", |line| word(&line.arm.role)),
    ("backend", |line| line.arm.backend.clone()),
    ("device", |line| line.arm.device.clone()),
    ("execution", |line| line.arm.execution.clone()),
    ("bits", |line| line.arm.bits.map_or(String::new(), |bits| bits.to_string())),
    ("metric", |line| word(&line.report.metric)),
    ("accuracy", |line| number(line.value(Metric::Accuracy))),
    ("accuracy_low", |line| number(low(line, Metric::Accuracy))),
    ("accuracy_high", |line| number(high(line, Metric::Accuracy))),
    ("accuracy_n", |line| number(count(line, Metric::Accuracy))),
    ("pearson", |line| number(line.value(Metric::Pearson))),
    ("macro_f1", |line| number(line.value(Metric::MacroF1))),
    ("mcc", |line| number(line.value(Metric::Mcc))),
    ("qpm", |line| number(line.value(Metric::Qpm))),
    ("tokens_per_second", |line| number(line.value(Metric::TokensPerSecond))),
    ("latency_n", |line| number(count(line, Metric::LatencyP50Ms))),
    ("latency_p50_ms", |line| number(line.value(Metric::LatencyP50Ms))),
    ("latency_p95_ms", |line| number(line.value(Metric::LatencyP95Ms))),
    ("latency_p99_ms", |line| number(line.value(Metric::LatencyP99Ms))),
    ("memory_average_mb", |line| number(line.value(Metric::MemoryAverageMb))),
    ("memory_peak_mb", |line| number(line.value(Metric::MemoryPeakMb))),
    ("size_mb", |line| number(line.value(Metric::SizeMb))),
    ("accuracy_drop", |line| number(drop(line, Metric::Accuracy))),
    ("accuracy_drop_low", |line| number(drop_low(line, Metric::Accuracy))),
    ("accuracy_drop_high", |line| number(drop_high(line, Metric::Accuracy))),
    ("speedup", |line| number(line.speedup().map(|speedup| speedup.value))),
    ("speedup_low", |line| number(line.speedup().and_then(|speedup| speedup.low))),
    ("speedup_high", |line| number(line.speedup().and_then(|speedup| speedup.high))),
    ("speedup_blocks", |line| number(line.speedup().map(|speedup| speedup.n as f64))),
    ("size_ratio", |line| number(line.comparison.and_then(view::size_ratio))),
    ("flips", |line| number(line.comparison.and_then(|comparison| Some(comparison.flips?.count as f64)))),
    // Empty where another metric is judged; `gate_quality` has the verdict of any.
    ("gate_accuracy", |line| {
        verdict(line.gate(Gate::Quality).filter(|gate| gate.name == Metric::Accuracy.id()))
    }),
    ("gate_speed", |line| verdict(line.gate(Gate::Speed))),
    ("gate_size", |line| verdict(line.gate(Gate::Size))),
    ("verdict", |line| word(&line.report.verdict)),
    ("predictions_sha256", |line| line.arm.predictions_sha256.clone().unwrap_or_default()),
    ("failure", |line| {
        let failure = line.arm.failure.as_ref();
        failure.map_or(String::new(), |failure| format!("{}: {}", failure.phase, failure.message))
    }),
    ("started_unix_s", |line| line.report.started_unix_s.to_string()),
    ("recall", recall),
    ("label_rule", |line| {
        line.report.dataset.labels.as_ref().map_or(String::new(), |labels| word(&labels.rule))
    }),
    ("gate_quality", |line| verdict(line.gate(Gate::Quality))),
];

/// A number of a metric.
type Part = fn(&Line<'_>, Metric) -> Option<f64>;

/// What a column's name has behind the id of its metric, and what stands in it.
const PARTS: [(&str, Part); 7] = [
    ("", |line, id| line.value(id)),
    ("_low", low),
    ("_high", high),
    ("_n", count),
    ("_drop", drop),
    ("_drop_low", drop_low),
    ("_drop_high", drop_high),
];

/// What stands in a column.
enum Content {
    Own(Cell),
    Metric(Metric, Part),
}

impl Content {
    fn cell(&self, line: &Line<'_>) -> String {
        match self {
            Self::Own(cell) => cell(line),
            Self::Metric(id, part) => number(part(line, *id)),
        }
    }
}

/// The header, a name a line. Users' spreadsheets know it: a new column comes behind those that are here.
const HEADER: &str = include_str!("csv_columns.txt");

/// All columns, in the order of the header.
fn columns() -> Vec<(String, Content)> {
    let own = COLUMNS.iter().map(|(name, cell)| ((*name).to_owned(), Content::Own(*cell)));
    let mut columns: Vec<_> = own.chain(added()).collect();
    columns.sort_by_key(|(name, _)| HEADER.lines().position(|known| known == name).unwrap_or(usize::MAX));
    columns
}

/// The columns of metrics that have none above: of quality all parts, of performance the value.
fn added() -> Vec<(String, Content)> {
    let of = |id: Metric| {
        let count = if id.compared() == Compared::ByDifference { PARTS.len() } else { 1 };
        let parts = &PARTS[..count];
        parts.iter().map(move |(suffix, part)| (format!("{}{suffix}", id.id()), Content::Metric(id, *part)))
    };
    let is_new = |name: &str| COLUMNS.iter().all(|(known, _)| *known != name);
    let single = Metric::ALL.into_iter().filter(|id| id.is_single());
    single.flat_map(of).filter(|(name, ..)| is_new(name)).collect()
}

fn low(line: &Line<'_>, id: Metric) -> Option<f64> {
    line.arm.metric(id)?.low
}

fn high(line: &Line<'_>, id: Metric) -> Option<f64> {
    line.arm.metric(id)?.high
}

fn count(line: &Line<'_>, id: Metric) -> Option<f64> {
    line.arm.metric(id).map(|metric| metric.n as f64)
}

fn drop(line: &Line<'_>, id: Metric) -> Option<f64> {
    line.drop(id).map(|drop| drop.value)
}

fn drop_low(line: &Line<'_>, id: Metric) -> Option<f64> {
    line.drop(id)?.low
}

fn drop_high(line: &Line<'_>, id: Metric) -> Option<f64> {
    line.drop(id)?.high
}

/// A cell that no spreadsheet takes for a formula: text that would begin one gets an apostrophe before it, a number
/// stays as it is (<https://owasp.org/www-community/attacks/CSV_Injection>).
pub(super) fn inert(cell: &str) -> Cow<'_, str> {
    let is_number = || cell.parse::<f64>().is_ok_and(f64::is_finite) && !cell.starts_with('+');
    let begins_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins_formula && !is_number() { format!("'{cell}").into() } else { cell.into() }
}

fn verdict(gate: Option<&GateResult>) -> String {
    gate.map_or(String::new(), |gate| word(&gate.verdict))
}

/// `entailment=0.9;neutral=0.8`; a class without examples has no number. Empty where it is not shown.
fn recall(line: &Line<'_>) -> String {
    let recalls = line.arm.metrics.iter().filter(|metric| metric.id == Metric::Recall);
    let of_class: BTreeMap<_, _> = recalls.filter_map(|recall| Some((recall.class?, recall.value))).collect();
    if of_class.is_empty() {
        return String::new();
    }
    let each = view::label_names(line.report)
        .iter()
        .enumerate()
        .map(|(class, name)| format!("{name}={}", number(of_class.get(&(class as u32)).copied())));
    each.collect::<Vec<_>>().join(";")
}

pub(super) fn number(number: Option<f64>) -> String {
    number.map_or(String::new(), |number| ten_digits(number).to_string())
}

/// The word that stands for an enum variant in JSON.
pub(super) fn word(variant: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(variant).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::RunRecord;

    /// The cells of a column.
    fn column(record: &RunRecord, name: &str) -> Vec<String> {
        let bytes = Csv.serialize(&Report::new(record, &record.policy)).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let place = reader.headers().unwrap().iter().position(|known| known == name).unwrap();
        reader.records().map(|row| row.unwrap()[place].to_owned()).collect()
    }

    #[test]
    fn columns_stay_where_they_are() {
        let names: Vec<String> = columns().into_iter().map(|(name, _)| name).collect();
        let known: Vec<&str> = HEADER.lines().collect();
        assert_eq!(names, known, "names are only ever added to `csv_columns.txt`, at its end");
    }

    #[test]
    fn every_arm_has_a_row() {
        let column = |name| column(&fixture::record(), name);
        assert_eq!(column("arm"), ["candle", "mlx", "mlx-q8"]);
        assert_eq!(column("accuracy"), ["0.9", "0.9", "0.9"]);
        assert_eq!(column("flips"), ["", "0", "2"]);
        assert_eq!(
            (column("gate_size"), column("gate_accuracy")),
            (["", "", "pass"].map(str::to_owned).to_vec(), ["", "", "pass"].map(str::to_owned).to_vec())
        );
        assert_eq!(column("recall")[0], "entailment=0.9;neutral=0.9;contradiction=0.9");
        assert_eq!(column("label_rule")[2], "by-name");
        assert_eq!(column("spearman"), ["", "", ""]);
        assert_eq!(column("latency_max_ms")[0], "29.900799", "of a histogram of three digits");
    }

    #[test]
    fn no_column_called_accuracy_holds_a_correlation() {
        let record = fixture::similarity();
        for name in ["accuracy", "accuracy_low", "accuracy_n", "accuracy_drop", "gate_accuracy", "recall"] {
            assert_eq!(column(&record, name), ["", ""], "{name}");
        }
        assert_eq!(
            (column(&record, "metric")[0].as_str(), column(&record, "gate_quality")[1].as_str()),
            ("spearman", "pass")
        );
        for name in ["spearman", "spearman_low", "pearson_high", "spearman_n"] {
            assert!(column(&record, name).iter().all(|cell| cell.parse::<f64>().unwrap() > 0.5), "{name}");
        }
        assert!(column(&record, "pearson_drop_high")[1].parse::<f64>().unwrap() > 0.0);
    }

    #[test]
    fn no_cell_is_a_formula() {
        let mut record = fixture::record();
        for name in
            ["=1+cmd|' /C calc'!A0", "+1", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-1-1", "+inf"]
        {
            record.model.name = name.to_owned();
            record.dataset.name = name.to_owned();
            let expected = format!("'{name}");
            assert_eq!(
                [column(&record, "model")[0].as_str(), &column(&record, "dataset")[0]],
                [expected.as_str(); 2]
            );
        }
        for cell in ["", "-0.5", "-1e-7", "1=1", "a-b", "'x"] {
            assert_eq!(inert(cell), cell);
        }
        // Of the arms, the candidate is worse than the baseline, and an interval has an end below zero.
        assert!(
            column(&record, "accuracy_drop_low")
                .iter()
                .any(|low| low.parse::<f64>().is_ok_and(|low| low < 0.0))
        );
    }

    #[test]
    fn hostile_names_stay_in_their_cell() {
        let mut record = fixture::killed(2);
        record.model.name = "a,\"b\"\r\nc".to_owned();
        assert_eq!(column(&record, "model")[0], "a,\"b\"\r\nc");
        assert_eq!(column(&record, "failure")[2], "load: killed by signal 9");
        assert_eq!(column(&record, "accuracy")[2], "");
    }
}
