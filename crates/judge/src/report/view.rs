//! Numbers for people, and the tables that the human formats share.

use gatecheck_base::text;

use super::Report;
use crate::{
    analysis::{ArmSummary, Comparison, MetricRatio, MetricValue},
    gate::{GateResult, Verdict},
    record::Labels,
    task::{Compared, Metric},
};

/// What stands where a number could not be had.
pub const MISSING: &str = "–";

/// A line of a table: what it is, and a cell per arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What the cells are, with the unit.
    pub label: String,
    /// One cell per column; foreign text in it is not escaped.
    pub cells: Vec<String>,
}

/// A number with as many decimals as leave about four digits, thousands separated.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        1000.0.. => {
            return format!("{}{}", if value < 0.0 { "-" } else { "" }, text::thousands(size.round() as u64));
        }
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// A share or a drop, to four decimals.
pub fn share(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

/// A quantity that may be very small: three digits and a power of ten.
fn tiny(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.2e}") }
}

/// A ratio, to two decimals.
pub fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

/// A point estimate with its interval: `1.31 [1.27, 1.36]`; an open end is `…`.
pub fn interval(value: f64, low: Option<f64>, high: Option<f64>, show: fn(f64) -> String) -> String {
    let end = |end: Option<f64>| end.map_or("…".to_owned(), show);
    match (low, high) {
        (None, None) => format!("{} [no interval]", show(value)),
        _ => format!("{} [{}, {}]", show(value), end(low), end(high)),
    }
}

/// An arm that failed to load never told its device.
fn told(word: &str) -> &str {
    if word.is_empty() { MISSING } else { word }
}

fn optional(value: Option<f64>, show: fn(f64) -> String) -> String {
    value.map_or(MISSING.to_owned(), show)
}

/// The value of a metric: with its interval where it has one, and where the lack of one must be seen.
fn metric(value: Option<&MetricValue>, must_have_one: bool, show: fn(f64) -> String) -> String {
    let Some(MetricValue { value, low, high, .. }) = value else { return MISSING.to_owned() };
    if low.or(*high).is_some() || must_have_one { interval(*value, *low, *high, show) } else { show(*value) }
}

/// Labels whose recall people are shown; programs get them all.
const MOST_RECALLS: usize = 8;

/// Names of the classes that are scored.
pub fn label_names(report: &Report) -> &[String] {
    Labels::names_or(report.dataset.labels.as_ref(), &report.model.labels)
}

/// The arms side by side: a column per arm.
pub fn arm_rows(report: &Report) -> Vec<Row> {
    let row = |label: &str, cell: &dyn Fn(usize) -> String| Row {
        label: label.to_owned(),
        cells: (0..report.arms.len()).map(cell).collect(),
    };
    let arm = |index: usize| &report.arms[index];
    let mut rows = vec![
        row("backend, device", &|i| format!("{}, {}", arm(i).backend, told(&arm(i).device))),
        row("execution", &|i| told(&arm(i).execution).to_owned()),
    ];
    for id in report.metrics.iter().map(|facts| facts.id).filter(|id| id.compared() == Compared::ByDifference)
    {
        if id.is_single() {
            rows.push(row(id.name(), &|i| metric(arm(i).metric(id), id == report.metric, share)));
            continue;
        }
        rows.extend(label_names(report).iter().take(MOST_RECALLS).enumerate().map(|(class, name)| {
            let value = |i: usize| arm(i).class_metric(id, class).map(|it| it.value);
            row(&format!("{} {}", id.name(), plain(name)), &|i| optional(value(i), share))
        }));
    }
    for id in SHOWN {
        rows.push(row(id.name(), &|i| match id.percentile() {
            Some(_) => percentile(arm(i), id),
            None => metric(arm(i).metric(id), false, number),
        }));
    }
    rows
}

/// The metrics of performance that people are shown; programs get them all.
const SHOWN: [Metric; 8] = [
    Metric::Qpm,
    Metric::TokensPerSecond,
    Metric::LatencyP50Ms,
    Metric::LatencyP95Ms,
    Metric::LatencyP99Ms,
    Metric::MemoryAverageMb,
    Metric::MemoryPeakMb,
    Metric::SizeMb,
];

/// A percentile; in parentheses when there are too few samples to quote it.
fn percentile(arm: &ArmSummary, id: Metric) -> String {
    let value = arm.metric(id);
    let shown = metric(value, true, number);
    if value.is_none_or(MetricValue::is_quotable) { shown } else { format!("({shown})") }
}

/// What the parentheses mean, when there are any.
pub fn footnote(report: &Report) -> Option<String> {
    let values = report.arms.iter().flat_map(|arm| &arm.metrics).filter(|value| !value.is_quotable());
    let mut needed: Vec<(f64, u64)> =
        values.filter_map(|value| Some((value.id.percentile()?, value.needed?))).collect();
    needed.sort_by(|left, right| left.0.total_cmp(&right.0));
    needed.dedup();
    let each: Vec<String> =
        needed.iter().map(|(which, samples)| format!("p{which} needs {samples}")).collect();
    (!each.is_empty()).then(|| format!("in parentheses: too few samples to quote it ({})", each.join(", ")))
}

/// The comparisons with the baseline: a column per arm but the baseline.
pub fn comparison_rows(report: &Report) -> Vec<Row> {
    let row = |label: &str, cell: &dyn Fn(&Comparison) -> String| Row {
        label: label.to_owned(),
        cells: report.comparisons.iter().map(cell).collect(),
    };
    let mut rows = vec![
        row(&format!("{} drop", report.metric.name()), &|it| {
            let drop = it.drop(report.metric);
            drop.map_or(MISSING.to_owned(), |drop| interval(drop.value, drop.low, drop.high, share))
        }),
        row("speedup", &|it| speedup(it.ratio(Metric::Qpm))),
        row("latency p50 speedup", &|it| speedup(it.ratio(Metric::LatencyP50Ms))),
        row("size ratio", &|it| optional(size_ratio(it), ratio)),
    ];
    if report.dataset.task.has_classes() {
        rows.push(row("changed predictions", &|it| {
            it.flips
                .map_or(MISSING.to_owned(), |flips| format!("{} ({:.2} %)", flips.count, flips.share * 100.0))
        }));
        rows.push(row("KL mean, max (nats)", &|it| {
            it.kl.map_or(MISSING.to_owned(), |kl| format!("{}, {}", tiny(kl.mean), tiny(kl.max)))
        }));
    }
    rows.push(row("largest output difference", &|it| optional(it.max_logit_difference, number)));
    rows.push(row("worst slices", &slices));
    rows
}

/// Size of the arm / size of the baseline: a part, where the report has how many times smaller the arm is.
pub fn size_ratio(comparison: &Comparison) -> Option<f64> {
    comparison.ratio(Metric::SizeMb).map(|ratio| 1.0 / ratio.value)
}

fn speedup(speedup: Option<&MetricRatio>) -> String {
    speedup.map_or(MISSING.to_owned(), |it| interval(it.value, it.low, it.high, ratio))
}

fn slices(comparison: &Comparison) -> String {
    let each = comparison.worst_slices.iter();
    let each: Vec<String> =
        each.map(|slice| format!("{}: {}", slice.name, share(slice.drop.value))).collect();
    if each.is_empty() { MISSING.to_owned() } else { each.join("; ") }
}

/// A sentence per arm whose speedup is split.
pub fn gain_lines(report: &Report) -> Vec<String> {
    let line = |gains: &crate::analysis::Gains| {
        let (backend, quantization) = (speedup(gains.backend.as_ref()), speedup(gains.quantization.as_ref()));
        let (arm, unquantized) = (&gains.arm, &gains.unquantized);
        format!("{arm}: backend gain {backend} (to {unquantized}), quantization gain {quantization}")
    };
    report.gains.iter().map(line).collect()
}

/// The name of a gate; with its arm when several are judged.
pub fn gate_name(report: &Report, gate: &GateResult) -> String {
    let several = report.gates.iter().any(|other| other.arm != gate.arm);
    if several { format!("{} ({})", gate.name, gate.arm) } else { gate.name.clone() }
}

/// The verdict of the run in words; says so when nothing but `strict` made it fail.
pub fn verdict(report: &Report) -> String {
    let failed = report.gates.iter().any(|gate| gate.verdict == Verdict::Fail);
    match report.verdict {
        Verdict::Fail if !failed => "fail (strict: not every gate passed)".to_owned(),
        verdict => verdict.words().to_owned(),
    }
}

/// Foreign text on one line, without what could steer a terminal or turn the direction of writing,
/// and without the two characters beyond the control characters that XML forbids.
pub fn plain(foreign: &str) -> String {
    let is_dropped =
        |letter: char| text::turns_direction(letter) || matches!(letter, '\u{fffe}' | '\u{ffff}');
    let shown = foreign.chars().filter(|letter| !is_dropped(*letter));
    shown.map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::RunRecord;

    fn report(record: &RunRecord) -> Report {
        Report::new(record, &record.policy)
    }

    fn cells(rows: &[Row], label: &str) -> Vec<String> {
        rows.iter().find(|row| row.label == label).unwrap().cells.clone()
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.001_23, 1.5, 12.345, 123.45, 1234.5, -2_000_000.0].map(number);
        assert_eq!(shown, ["0.001", "1.500", "12.35", "123.5", "1,235", "-2,000,000"].map(str::to_owned));
        assert_eq!((share(-0.000_01), ratio(1.305)), ("0.0000".to_owned(), "1.30".to_owned()));
    }

    #[test]
    fn intervals_stand_beside_their_point() {
        assert_eq!(interval(1.31, Some(1.27), Some(1.36), ratio), "1.31 [1.27, 1.36]");
        assert_eq!(interval(1.31, Some(1.27), None, ratio), "1.31 [1.27, …]");
        assert_eq!(interval(1.31, None, None, ratio), "1.31 [no interval]");
    }

    #[test]
    fn percentiles_with_few_samples_are_in_parentheses() {
        let report = report(&fixture::record());
        let rows = arm_rows(&report);
        assert!(cells(&rows, "latency p50 (ms)")[0].starts_with("19.9"));
        assert!(cells(&rows, "latency p99 (ms)")[0].starts_with("(29.7"));
        let note = footnote(&report).unwrap();
        assert_eq!(note, "in parentheses: too few samples to quote it (p99 needs 662)");
    }

    #[test]
    fn each_label_has_its_recall() {
        let report = report(&fixture::folded());
        assert_eq!(cells(&arm_rows(&report), "recall entailment")[0], "0.9000");
        // Of 400, 20 are answered as entailment; 20 neutral ones as contradiction, which is the same.
        assert_eq!(cells(&arm_rows(&report), "recall not_entailment")[0], "0.9500");
    }

    #[test]
    fn missing_numbers_are_dashes() {
        let report = report(&fixture::killed(2));
        assert_eq!(cells(&arm_rows(&report), "accuracy")[2], MISSING);
        assert_eq!(cells(&comparison_rows(&report), "speedup")[1], MISSING);
    }

    #[test]
    fn gates_name_their_arm_when_it_is_not_plain() {
        let mut record = fixture::record();
        assert_eq!(gate_name(&report(&record), &report(&record).gates[1]), "speed");
        record.arms[1].role = crate::record::Role::Candidate;
        assert_eq!(gate_name(&report(&record), &report(&record).gates[1]), "speed (mlx)");
    }

    #[test]
    fn strict_is_named_when_it_alone_failed_the_run() {
        let mut record = fixture::record();
        record.policy.strict = true;
        assert_eq!(verdict(&report(&record)), "pass");
        record.arms[2].sessions[0].device = "cpu".to_owned();
        assert_eq!(verdict(&report(&record)), "fail (strict: not every gate passed)");
        record.policy.min_speedup = 100.0;
        record.arms[2].sessions[0].device = "metal".to_owned();
        assert_eq!(verdict(&report(&record)), "fail");
    }

    #[test]
    fn foreign_text_steers_nothing() {
        assert_eq!(plain("a\u{1b}[31m\nb\u{202e}c"), "a [31m bc");
    }
}
