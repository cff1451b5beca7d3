//! The whole of a record, analysed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    compare::{Comparison, arm_speedup, compare, resampling},
    speed::MetricRatio,
    summary::{ArmSummary, summarise},
};
use crate::{
    record::{ArmRecord, Role, RunRecord},
    task::Metric,
};

/// Everything that gates and reports need to know of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The metric that is judged.
    pub metric: Metric,
    /// The quality metrics that are shown.
    pub metrics: Vec<Metric>,
    /// Confidence of every interval.
    pub confidence: f64,
    /// Examples that should have been measured.
    pub examples: u64,
    /// Examples whose gold is none of the scored classes.
    pub unknown_gold: u64,
    /// Share of the examples that were cut to the model's limit.
    pub truncated_share: f64,
    /// Whether the machine is virtual, where that can be told.
    pub virtualised: Option<bool>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// The arms, in the record's order.
    pub arms: Vec<ArmSummary>,
    /// Every arm but the baseline, beside the baseline.
    pub comparisons: Vec<Comparison>,
    /// The parts of the total speedup, for every candidate with an unquantized sibling.
    pub gains: Vec<Gains>,
}

/// What came from the backend, and what from quantization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gains {
    /// The quantized arm.
    pub arm: String,
    /// The unquantized arm of the same backend.
    pub unquantized: String,
    /// Baseline → unquantized arm.
    pub backend: Option<MetricRatio>,
    /// Unquantized arm → quantized arm.
    pub quantization: Option<MetricRatio>,
}

/// Analyses a record. The same record gives the same analysis, to the bit.
pub fn analyse(record: &RunRecord) -> Analysis {
    let baseline = baseline(record);
    let others =
        || record.arms.iter().filter(|arm| !baseline.is_some_and(|baseline| std::ptr::eq(*arm, baseline)));
    let questions = Questions::of(record);
    let classes = record.arms.iter().map(|arm| Answers::of(record, arm).classes()).max().unwrap_or(0);
    let examples = record.dataset.rows.max(questions.len() as u64);
    Analysis {
        metric: record.judged_metric(),
        metrics: record.metrics().to_vec(),
        confidence: resampling(record, "").confidence,
        examples,
        unknown_gold: questions.unknown(classes),
        truncated_share: if examples > 0 { record.dataset.truncated as f64 / examples as f64 } else { 0.0 },
        virtualised: record.environment().virtualised,
        interrupted: record.interrupted,
        arms: record.arms.iter().map(|arm| summary(record, arm)).collect(),
        comparisons: others().filter_map(|arm| Some(compare(record, baseline?, arm))).collect(),
        gains: others().filter_map(|arm| gains(record, baseline?, arm)).collect(),
    }
}

impl Analysis {
    /// The arms to judge.
    pub fn candidates(&self) -> impl Iterator<Item = &ArmSummary> {
        self.arms.iter().filter(|arm| arm.role == Role::Candidate)
    }

    /// The comparison of an arm with the baseline.
    pub fn comparison(&self, arm: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|comparison| comparison.arm == arm)
    }

    /// The arm that the others are compared with.
    pub fn baseline(&self) -> Option<&ArmSummary> {
        self.arms.iter().find(|arm| arm.role == Role::Baseline)
    }
}

fn summary(record: &RunRecord, arm: &ArmRecord) -> ArmSummary {
    summarise(record, arm, &resampling(record, &format!("metric {}", arm.name)))
}

fn baseline(record: &RunRecord) -> Option<&ArmRecord> {
    record.arms.iter().find(|arm| arm.role == Role::Baseline)
}

fn gains(record: &RunRecord, baseline: &ArmRecord, arm: &ArmRecord) -> Option<Gains> {
    arm.quantization.as_ref()?;
    let is_sibling = |other: &&ArmRecord| {
        other.role != Role::Baseline && other.backend == arm.backend && other.quantization.is_none()
    };
    let unquantized = record.arms.iter().find(is_sibling)?;
    Some(Gains {
        arm: arm.name.clone(),
        unquantized: unquantized.name.clone(),
        backend: arm_speedup(record, baseline, unquantized),
        quantization: arm_speedup(record, unquantized, arm),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn three_arms_split_the_gain() {
        let analysis = analyse(&fixture::record());
        let names: Vec<_> = analysis.comparisons.iter().map(|comparison| comparison.arm.as_str()).collect();
        assert_eq!(names, ["mlx", "mlx-q8"]);
        let [gains] = analysis.gains.as_slice() else { panic!("{:?}", analysis.gains) };
        let value = |speedup: Option<MetricRatio>| speedup.unwrap().value;
        let total = value(analysis.comparison("mlx-q8").unwrap().ratio(Metric::Qpm).copied());
        let product = value(gains.backend) * value(gains.quantization);
        assert!((total - product).abs() < 1e-9, "the parts multiply to the whole");
        assert!((value(gains.backend) - 2.0).abs() < 0.05 && (value(gains.quantization) - 2.0).abs() < 0.05);
    }

    #[test]
    fn two_arms_have_no_parts() {
        let analysis = analyse(&fixture::two_arms());
        assert!(analysis.gains.is_empty());
        assert_eq!(analysis.candidates().count(), 1);
        assert_eq!(analysis.baseline().unwrap().name, "candle");
    }

    #[test]
    fn anything_can_be_analysed() {
        let mut no_arms = fixture::record();
        no_arms.arms.clear();
        let mut only_candidates = fixture::record();
        only_candidates.arms.remove(0);
        for record in [no_arms, only_candidates] {
            assert!(analyse(&record).comparisons.is_empty());
        }
        for record in [fixture::empty(), fixture::killed(0), fixture::shortened(fixture::similarity(), 1)] {
            assert_eq!(analyse(&record), analyse(&record));
        }
    }

    #[test]
    fn circumstances_are_carried_along() {
        let mut record = fixture::record();
        record.gold[3] = 9.0;
        let analysis = analyse(&record);
        assert_eq!((analysis.unknown_gold, analysis.truncated_share), (1, 0.01));
        assert_eq!((analysis.virtualised, analysis.interrupted), (Some(false), false));
    }
}
