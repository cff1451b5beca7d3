//! One arm beside the baseline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    drop::drop,
    latency::{latency, median_speedup},
    pair::{MetricDrop, Pair},
    slices::{Slice, worst_slices},
    speed::{MetricRatio, speedup},
    value::ends,
};
use crate::{
    metrics::parity,
    record::{ArmRecord, RunRecord},
    stats::{Interval, Resampling, rng::derive_seed},
    task::Metric,
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
    /// Drops of the quality metrics that are shown.
    pub drops: Vec<MetricDrop>,
    /// Ratios of the metrics of performance: of `qpm` the speedup, of `latency_p50_ms` and of `size_mb`.
    pub ratios: Vec<MetricRatio>,
    /// Examples whose predicted label differs; `null` for similarity.
    pub flips: Option<Flips>,
    /// Divergence of the class distributions; `null` for similarity and for candidates scored one by one.
    pub kl: Option<Divergence>,
    /// Largest absolute difference between any two outputs: logits, outputs of candidates, or similarity scores.
    pub max_logit_difference: Option<f64>,
    /// The worst slice of each kind.
    pub worst_slices: Vec<Slice>,
}

impl Comparison {
    /// The drop of a metric.
    pub fn drop(&self, id: Metric) -> Option<&MetricDrop> {
        self.drops.iter().find(|drop| drop.id == id)
    }

    /// The ratio of a metric.
    pub fn ratio(&self, id: Metric) -> Option<&MetricRatio> {
        self.ratios.iter().find(|ratio| ratio.id == id)
    }
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
    let drops = pair.questions.metrics.iter().filter_map(|id| drop(*id, &pair, &examples, &resampling));
    let ratios = [
        arm_speedup(record, baseline, arm),
        latency_ratio(baseline, arm, &resampling),
        size_ratio(baseline, arm),
    ];
    Comparison {
        baseline: baseline.name.clone(),
        arm: arm.name.clone(),
        examples: examples.len() as u64,
        drops: drops.collect(),
        ratios: ratios.into_iter().flatten().collect(),
        flips: flips(&pair, &examples),
        kl: divergence(&pair, &examples),
        max_logit_difference: max_difference(&pair, &examples),
        worst_slices: worst_slices(&pair, &examples, record.label_names(), &record.tokens, &resampling),
    }
}

/// The speedup from one arm of a record to another.
pub(super) fn arm_speedup(record: &RunRecord, from: &ArmRecord, to: &ArmRecord) -> Option<MetricRatio> {
    let resampling = resampling(record, &format!("speed {} {}", from.name, to.name));
    speedup(&from.throughput, &to.throughput, &resampling)
}

fn latency_ratio(baseline: &ArmRecord, arm: &ArmRecord, resampling: &Resampling) -> Option<MetricRatio> {
    let [before, after] = [baseline, arm].map(|arm| latency(&arm.latency, resampling.confidence));
    let (value, interval, n) = median_speedup(&before, &after)?;
    Some(plain_ratio(Metric::LatencyP50Ms, value, interval, n))
}

fn size_ratio(baseline: &ArmRecord, arm: &ArmRecord) -> Option<MetricRatio> {
    let value = baseline.size_bytes as f64 / arm.size_bytes as f64;
    (baseline.size_bytes > 0 && arm.size_bytes > 0).then(|| plain_ratio(Metric::SizeMb, value, None, 1))
}

fn plain_ratio(id: Metric, value: f64, interval: Option<Interval>, n: u64) -> MetricRatio {
    let (low, high) = ends(interval);
    MetricRatio { id, value, low, high, n, spread: None, noise: None }
}

pub(super) fn resampling(record: &RunRecord, purpose: &str) -> Resampling {
    let settings = &record.settings;
    Resampling::new(settings.confidence, settings.resamples, derive_seed(record.seed, purpose))
}

fn flips(pair: &Pair<'_>, examples: &[usize]) -> Option<Flips> {
    if !pair.questions.task.has_classes() || examples.is_empty() {
        return None;
    }
    let is_flip = |&&example: &&usize| pair.baseline.class(example) != pair.candidate.class(example);
    let count = examples.iter().filter(is_flip).count();
    Some(Flips { count: count as u64, share: count as f64 / examples.len() as f64 })
}

pub(super) fn divergence(pair: &Pair<'_>, examples: &[usize]) -> Option<Divergence> {
    let Questions { task, exclusive, .. } = pair.questions;
    if !task.has_classes() || !exclusive || examples.is_empty() {
        return None;
    }
    let (mut sum, mut max) = (0.0, 0.0_f64);
    for &example in examples {
        let each = parity::divergence(pair.baseline.row(example)?, pair.candidate.row(example)?)?;
        sum += each;
        max = max.max(each);
    }
    Some(Divergence { mean: sum / examples.len() as f64, max })
}

fn max_difference(pair: &Pair<'_>, examples: &[usize]) -> Option<f64> {
    let mut largest: Option<f64> = None;
    for &example in examples {
        let each = parity::max_difference(pair.baseline.row(example)?, pair.candidate.row(example)?)?;
        largest = Some(largest.map_or(each, |largest| largest.max(each)));
    }
    largest
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
        assert!((comparison.ratio(Metric::SizeMb).unwrap().value - 438.0 / 118.0).abs() < 1e-12);
        let drops: Vec<_> = comparison.drops.iter().map(|drop| drop.id).collect();
        assert_eq!(drops, [Metric::Accuracy, Metric::MacroF1, Metric::Mcc]);
        assert!(
            comparison.drops.iter().all(|drop| drop.low < Some(drop.value) && drop.high > Some(drop.value))
        );
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
            assert_eq!((comparison.examples, comparison.drops.len()), (0, 0));
            assert_eq!(comparison.ratio(Metric::Qpm), None);
            assert_eq!((comparison.flips, comparison.max_logit_difference), (None, None));
        }
    }

    #[test]
    fn without_both_sizes_there_is_no_ratio_of_them() {
        for arm in [0, 2] {
            let mut record = fixture::record();
            record.arms[arm].size_bytes = 0;
            assert_eq!(last(&record).ratio(Metric::SizeMb), None);
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
