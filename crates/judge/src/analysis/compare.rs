//! One arm beside the baseline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    drop::{AccuracyDrop, Pair, drop},
    estimate::Estimate,
    latency::{latency, median_speedup},
    slices::{Slice, worst_slices},
    speed::{Speedup, speedup},
};
use crate::{
    metrics::parity,
    record::{ArmRecord, RunRecord, Task},
    stats::{Resampling, rng::derive_seed},
};

/// How an arm differs from the baseline, over the examples measured in both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The baseline arm.
    pub baseline: String,
    /// The arm compared with it.
    pub arm: String,
    /// Examples measured in both.
    pub examples: u64,
    /// Drop of the quality metric.
    pub accuracy_drop: Option<AccuracyDrop>,
    /// Ratio of times in the throughput phase.
    pub speedup: Option<Speedup>,
    /// Ratio of the median latencies.
    pub latency_speedup: Option<Estimate>,
    /// Size of the arm / size of the baseline.
    pub size_ratio: Option<f64>,
    /// Examples whose predicted label differs; `null` for similarity.
    pub flips: Option<Flips>,
    /// Divergence of the class distributions; `null` for similarity and for candidates scored one by one.
    pub kl: Option<Divergence>,
    /// Largest absolute difference between any two outputs: logits, outputs of candidates, or similarity scores.
    pub max_logit_difference: Option<f64>,
    /// The worst slice of each kind.
    pub worst_slices: Vec<Slice>,
}

/// Predictions that changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Flips {
    /// How many.
    pub count: u64,
    /// Share of the examples measured in both arms.
    pub share: f64,
}

/// Kullback-Leibler divergence from baseline to candidate, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Divergence {
    /// Mean over the examples.
    pub mean: f64,
    /// The largest of any example.
    pub max: f64,
}

/// Compares `arm` with `baseline`.
pub(super) fn compare(record: &RunRecord, baseline: &ArmRecord, arm: &ArmRecord) -> Comparison {
    let pair = Pair {
        questions: Questions::of(record),
        baseline: Answers::of(record, baseline),
        candidate: Answers::of(record, arm),
    };
    let examples = pair.examples();
    let resampling = resampling(record, &format!("drop {}", arm.name));
    let latencies = [baseline, arm].map(|arm| latency(&arm.latency, resampling.confidence));
    let [before, after] = &latencies;
    Comparison {
        baseline: baseline.name.clone(),
        arm: arm.name.clone(),
        examples: examples.len() as u64,
        accuracy_drop: drop(&pair, &examples, &resampling),
        speedup: arm_speedup(record, baseline, arm),
        latency_speedup: before
            .as_ref()
            .zip(after.as_ref())
            .and_then(|(before, after)| median_speedup(before, after)),
        size_ratio: (baseline.size_bytes > 0 && arm.size_bytes > 0)
            .then(|| arm.size_bytes as f64 / baseline.size_bytes as f64),
        flips: flips(&pair, &examples),
        kl: divergence(&pair, &examples),
        max_logit_difference: max_difference(&pair, &examples),
        worst_slices: worst_slices(&pair, &examples, record.label_names(), &record.tokens, &resampling),
    }
}

/// The speedup from one arm of a record to another.
pub(super) fn arm_speedup(record: &RunRecord, from: &ArmRecord, to: &ArmRecord) -> Option<Speedup> {
    let resampling = resampling(record, &format!("speed {} {}", from.name, to.name));
    speedup(&from.throughput, &to.throughput, &resampling)
}

fn resampling(record: &RunRecord, purpose: &str) -> Resampling {
    let settings = &record.settings;
    Resampling::new(settings.confidence, settings.resamples, derive_seed(record.seed, purpose))
}

fn flips(pair: &Pair<'_>, examples: &[usize]) -> Option<Flips> {
    if pair.questions.task == Task::Similarity || examples.is_empty() {
        return None;
    }
    let is_flip = |&&example: &&usize| pair.baseline.class(example) != pair.candidate.class(example);
    let count = examples.iter().filter(is_flip).count();
    Some(Flips { count: count as u64, share: count as f64 / examples.len() as f64 })
}

fn divergence(pair: &Pair<'_>, examples: &[usize]) -> Option<Divergence> {
    let Questions { task, exclusive, .. } = pair.questions;
    if task == Task::Similarity || !exclusive || examples.is_empty() {
        return None;
    }
    let each: Option<Vec<f64>> = examples
        .iter()
        .map(|&example| parity::divergence(pair.baseline.row(example)?, pair.candidate.row(example)?))
        .collect();
    let each = each?;
    let max = each.iter().copied().fold(0.0, f64::max);
    Some(Divergence { mean: each.iter().sum::<f64>() / each.len() as f64, max })
}

fn max_difference(pair: &Pair<'_>, examples: &[usize]) -> Option<f64> {
    let each: Option<Vec<f64>> = examples
        .iter()
        .map(|&example| parity::max_difference(pair.baseline.row(example)?, pair.candidate.row(example)?))
        .collect();
    each?.into_iter().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn last(record: &RunRecord) -> Comparison {
        compare(record, &record.arms[0], record.arms.last().unwrap())
    }

    #[test]
    fn classification_is_compared() {
        let comparison = last(&fixture::record());
        assert_eq!(comparison.flips, Some(Flips { count: 2, share: 2.0 / 600.0 }));
        // A flip moves a logit from 0 to 2.125.
        assert_eq!(comparison.max_logit_difference, Some(2.125));
        let kl = comparison.kl.unwrap();
        assert!(kl.max > 1.0 && kl.mean < 0.01, "{kl:?}");
        assert!((comparison.size_ratio.unwrap() - 118.0 / 438.0).abs() < 1e-12);
        assert_eq!(comparison, last(&fixture::record()), "same record, same numbers");
    }

    #[test]
    fn similarity_has_no_flips() {
        let comparison = last(&fixture::similarity());
        assert_eq!((comparison.flips, comparison.kl), (None, None));
        assert!((comparison.max_logit_difference.unwrap() - 0.008).abs() < 1e-6);
    }

    #[test]
    fn candidates_scored_one_by_one_have_no_distribution() {
        let mut record = fixture::zero_shot();
        assert!(last(&record).kl.is_some());
        record.dataset.zero_shot.as_mut().unwrap().multi_label = true;
        let comparison = last(&record);
        assert!(comparison.kl.is_none() && comparison.flips.is_some());
    }

    #[test]
    fn nothing_measured_is_nothing_compared() {
        for record in [fixture::empty(), fixture::killed(2), fixture::killed(0)] {
            let comparison = last(&record);
            assert_eq!((comparison.examples, comparison.accuracy_drop, comparison.speedup), (0, None, None));
            assert_eq!((comparison.flips, comparison.max_logit_difference), (None, None));
        }
    }

    #[test]
    fn another_number_of_classes_has_no_divergence() {
        let mut record = fixture::record();
        record.arms[2].output_width = 2;
        let comparison = last(&record);
        assert_eq!((comparison.kl, comparison.max_logit_difference), (None, None));
        assert!(comparison.flips.is_some());
    }
}
