//! The report as data: what `report.json` holds.
//!
//! Versions of the format ([`SCHEMA_VERSION`]):
//! - 1: first version.
//! - 2: metrics are lists keyed by id: `metrics` (which, in which unit), `arms[].metrics`,
//!   `comparisons[].drops` and `.ratios`; a gate has its kind in `gate`, and that of quality the `name` of the
//!   metric judged.
//! - 3: `arms[].mode`, `mixed` and `given`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    analysis::{Analysis, ArmSummary, Comparison, Gains, analyse},
    gate::{GateResult, Judgement, Verdict, evaluate},
    record::{DatasetFacts, Environment, Labels, ModelFacts, Policy, RunRecord, TokenTypes, ZeroShot},
    task::{Compared, Direction, Metric, Task, Unit},
};

/// The version of the report format that this build writes.
pub const SCHEMA_VERSION: u32 = 3;

/// Everything there is to say of one run of one cell (a model on a dataset).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this format.
    pub schema_version: u32,
    /// Version of gatecheck that measured.
    pub tool_version: String,
    /// Start of the run, seconds since 1970-01-01 UTC.
    pub started_unix_s: u64,
    /// Wall time of the run in seconds.
    pub wall_s: f64,
    /// Seed of every resampling.
    pub seed: u64,
    /// The model.
    pub model: ModelReport,
    /// The dataset.
    pub dataset: DatasetReport,
    /// The quality metric that is judged.
    pub metric: Metric,
    /// The metrics of this report: those of quality that are shown, the judged one first, and those of
    /// performance.
    pub metrics: Vec<MetricFacts>,
    /// How the run was set up.
    pub settings: SettingsReport,
    /// The limits the gates judged by.
    pub policy: Policy,
    /// One entry per arm, the baseline first.
    pub arms: Vec<ArmSummary>,
    /// The first candidate beside the baseline; `null` without a candidate.
    pub comparison: Option<Comparison>,
    /// Every arm but the baseline, beside the baseline.
    pub comparisons: Vec<Comparison>,
    /// The speedup of quantized arms, split into backend and quantization.
    pub gains: Vec<Gains>,
    /// One entry per gate and candidate.
    pub gates: Vec<GateResult>,
    /// The verdict of the run; `strict` has been applied here, but not to the gates.
    pub verdict: Verdict,
    /// The exit code that goes with the verdict.
    pub exit_code: u8,
    /// The machine.
    pub environment: Environment,
    /// Doubts about the measurement.
    pub warnings: Vec<String>,
    /// True unless everything was measured.
    pub interrupted: bool,
}

/// What a metric is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MetricFacts {
    /// Its key in the lists of this report.
    pub id: Metric,
    /// What people call it.
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// How arms are compared by it.
    pub compared: Compared,
}

/// Which model was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelReport {
    /// Name as given or configured.
    pub name: String,
    /// Folder or Hub id it came from.
    pub source: String,
    /// Commit on the Hub.
    pub revision: Option<String>,
    /// `model_type`, such as `bert`.
    pub architecture: String,
    /// SHA-256 over the checksums of its files: configuration, tokenizer, weights.
    pub sha256: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Class names in the order of the logits.
    pub labels: Vec<String>,
}

/// Which rows were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetReport {
    /// Name as given or configured.
    pub name: String,
    /// Split, such as `validation`.
    pub split: String,
    /// File or Hub id the rows came from.
    pub source: String,
    /// Commit on the Hub.
    pub revision: Option<String>,
    /// SHA-256 of the file; of several files, of their checksums one after the other.
    pub sha256: String,
    /// What is asked.
    pub task: Task,
    /// The classes that are scored, and what counts as which; `null` for similarity.
    pub labels: Option<Labels>,
    /// How candidate labels were put to the model; `null` unless that was done.
    pub zero_shot: Option<ZeroShot>,
    /// Whether the model was told the texts of a pair apart; `null` in reports of earlier records.
    pub token_types: Option<TokenTypes>,
    /// Examples measured.
    pub rows: u64,
    /// Rows left out because they carry no gold label.
    pub dropped_without_label: u64,
    /// Examples cut to the model's limit.
    pub truncated: u64,
    /// The same as a share of the examples.
    pub truncated_share: f64,
    /// The limit in tokens.
    pub max_length: u32,
    /// Real tokens in one pass over the set.
    pub real_tokens: u64,
    /// Tokens in one pass with padding.
    pub padded_tokens: u64,
    /// Share of the padded tokens that are padding.
    pub padding_share: Option<f64>,
}

/// How the run was set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsReport {
    /// Rows per batch in the throughput phase.
    pub batch_size: u32,
    /// Threads given to each arm.
    pub threads: u32,
    /// How batches are made.
    pub padding_rule: String,
    /// Confidence of every interval, such as 0.95.
    pub confidence: f64,
    /// Draws of every bootstrap asked for; 1,000 at least are made.
    pub resamples: u32,
}

impl Report {
    /// Analyses a record and judges it by `policy`.
    pub fn new(record: &RunRecord, policy: &Policy) -> Self {
        let analysis = analyse(record);
        let Judgement { gates, verdict, exit_code } = evaluate(&analysis, policy);
        let warnings = warnings(record, &analysis);
        let first = analysis.candidates().next().and_then(|arm| analysis.comparison(&arm.name)).cloned();
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: record.tool_version.clone(),
            started_unix_s: record.started_unix_s,
            wall_s: record.wall_ns as f64 / 1e9,
            seed: record.seed,
            model: model(&record.model),
            dataset: dataset(record, analysis.truncated_share),
            metric: analysis.metric,
            metrics: metrics(&analysis),
            settings: settings(record, &analysis),
            policy: policy.clone(),
            arms: analysis.arms,
            comparison: first,
            comparisons: analysis.comparisons,
            gains: analysis.gains,
            gates,
            verdict,
            exit_code,
            environment: record.environment(),
            warnings,
            interrupted: record.interrupted,
        }
    }
}

fn metrics(analysis: &Analysis) -> Vec<MetricFacts> {
    let performance = Metric::ALL.into_iter().filter(|metric| metric.compared() == Compared::ByRatio);
    let facts = |id: Metric| MetricFacts {
        id,
        name: id.name().to_owned(),
        unit: id.unit(),
        direction: id.direction(),
        compared: id.compared(),
    };
    analysis.metrics.iter().copied().chain(performance).map(facts).collect()
}

fn settings(record: &RunRecord, analysis: &Analysis) -> SettingsReport {
    let settings = &record.settings;
    SettingsReport {
        batch_size: settings.batch_size,
        threads: settings.threads,
        padding_rule: settings.padding_rule.clone(),
        confidence: analysis.confidence,
        resamples: settings.resamples,
    }
}

fn model(facts: &ModelFacts) -> ModelReport {
    let ModelFacts { name, source, revision, architecture, sha256, parameters, labels } = facts.clone();
    ModelReport { name, source, revision, architecture, sha256, parameters, labels }
}

fn dataset(record: &RunRecord, truncated_share: f64) -> DatasetReport {
    let facts = &record.dataset;
    let DatasetFacts { name, split, source, revision, sha256, labels, zero_shot, token_types, .. } =
        facts.clone();
    let DatasetFacts { rows, dropped_without_label, truncated, max_length, .. } = *facts;
    let DatasetFacts { real_tokens, padded_tokens, .. } = *facts;
    let padding = padded_tokens.saturating_sub(real_tokens) as f64;
    let padding_share = (padded_tokens > 0).then(|| padding / padded_tokens as f64);
    DatasetReport {
        name,
        split,
        source,
        revision,
        sha256,
        task: record.task(),
        labels,
        zero_shot,
        token_types,
        rows,
        dropped_without_label,
        truncated,
        truncated_share,
        max_length,
        real_tokens,
        padded_tokens,
        padding_share,
    }
}

/// The doubts of the record, and those that the analysis adds.
fn warnings(record: &RunRecord, analysis: &Analysis) -> Vec<String> {
    let mut warnings = record.warnings.clone();
    if record.interrupted {
        warnings.push("the run was interrupted: nothing can pass".to_owned());
    }
    let machines = record.machines();
    if machines > 1 {
        warnings.push(format!(
            "the sessions of this run come from {machines} machines; the environment is that of the first"
        ));
    }
    if record.dataset.truncated > 0 {
        let share = analysis.truncated_share * 100.0;
        let limit = record.dataset.max_length;
        warnings.push(format!("{share:.1} % of the examples were cut to {limit} tokens"));
    }
    if record.dataset.dropped_without_label > 0 {
        let dropped = record.dataset.dropped_without_label;
        warnings.push(format!("{dropped} rows without a gold label were left out"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_first_candidate_is_compared() {
        let report = Report::new(&fixture::record(), &fixture::record().policy);
        assert_eq!(report.comparison.unwrap().arm, "mlx-q8");
        assert_eq!(report.comparisons.len(), 2);
        assert!((report.dataset.padding_share.unwrap() - 0.2).abs() < 1e-9);
        assert_eq!((report.wall_s, report.exit_code), (42.0, 0));
    }

    #[test]
    fn what_was_not_padded_has_no_share_of_padding() {
        let mut record = fixture::record();
        (record.dataset.real_tokens, record.dataset.padded_tokens) = (0, 0);
        assert_eq!(Report::new(&record, &record.policy).dataset.padding_share, None);
    }

    #[test]
    fn another_policy_gives_another_verdict() {
        let record = fixture::record();
        let policy = Policy { min_speedup: 100.0, ..record.policy.clone() };
        let report = Report::new(&record, &policy);
        assert_eq!((report.verdict, report.policy.min_speedup), (Verdict::Fail, 100.0));
    }

    #[test]
    fn doubts_add_up() {
        let mut record = fixture::record();
        record.interrupted = true;
        record.dataset.dropped_without_label = 3;
        let machine = record.arms[2].sessions[0].environment.cpu.clone();
        record.arms[2].sessions[0].environment.cpu = format!("not {machine}");
        let report = Report::new(&record, &record.policy);
        let expected = [
            "made by hand; nothing was measured",
            "the run was interrupted: nothing can pass",
            "the sessions of this run come from 2 machines; the environment is that of the first",
            "1.0 % of the examples were cut to 64 tokens",
            "3 rows without a gold label were left out",
        ];
        assert_eq!(report.warnings, expected);
    }
}
