//! The drop of a quality metric from baseline to candidate, over the same examples.

use super::{
    class_drop,
    pair::{GROUPED, MetricDrop, Pair, RESAMPLED},
};
use crate::{
    stats::{
        Resampling,
        correlation::{self, CorrelationDrop, Kind, Method},
    },
    task::Metric,
};

/// The drop of a metric over `examples`, all measured in both arms. `None` when it has no value there, or is no
/// single number.
pub(super) fn drop(
    id: Metric,
    pair: &Pair<'_>,
    examples: &[usize],
    resampling: &Resampling,
) -> Option<MetricDrop> {
    match id {
        Metric::Accuracy => MetricDrop::of_share(id, &pair.outcomes(examples), resampling),
        Metric::MacroF1 | Metric::Mcc => class_drop::drop(id, pair, examples, resampling),
        Metric::Spearman => drop_of_correlation(id, Kind::Spearman, pair, examples, resampling),
        Metric::Pearson => drop_of_correlation(id, Kind::Pearson, pair, examples, resampling),
        _ => None,
    }
}

/// The value of [`drop`] alone, which costs no resampling.
pub(super) fn drop_value(id: Metric, pair: &Pair<'_>, examples: &[usize]) -> Option<f64> {
    let of_scores = |kind| {
        let [gold, before, after] = pair.scores(examples)?;
        correlation::drop_value(kind, &gold, &before, &after)
    };
    match id {
        Metric::Accuracy => (!examples.is_empty()).then(|| pair.outcomes(examples).drop()),
        Metric::MacroF1 | Metric::Mcc => class_drop::drop_value(id, pair, examples),
        Metric::Spearman => of_scores(Kind::Spearman),
        Metric::Pearson => of_scores(Kind::Pearson),
        _ => None,
    }
}

fn drop_of_correlation(
    id: Metric,
    kind: Kind,
    pair: &Pair<'_>,
    examples: &[usize],
    resampling: &Resampling,
) -> Option<MetricDrop> {
    let [gold, before, after] = pair.scores(examples)?;
    let CorrelationDrop { value, interval, method } =
        correlation::drop(kind, &gold, &before, &after, resampling)?;
    let method = match method {
        Method::Bootstrap => RESAMPLED,
        Method::RandomGroups => GROUPED,
    };
    Some(MetricDrop::of_number(id, value, interval, gold.len() as u64, method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::answers::{Answers, Questions};
    use crate::fixture;
    use crate::record::RunRecord;

    fn drop_in(id: Metric, record: &RunRecord) -> Option<MetricDrop> {
        let pair = Pair {
            questions: Questions::of(record),
            baseline: Answers::of(record, &record.arms[0]),
            candidate: Answers::of(record, record.arms.last().unwrap()),
        };
        let found = drop(id, &pair, &pair.examples(), &Resampling::new(0.95, 1000, 1));
        assert_eq!(found.as_ref().map(|drop| drop.value), drop_value(id, &pair, &pair.examples()));
        found
    }

    #[test]
    fn losses_and_gains_are_paired() {
        let drop = drop_in(Metric::Accuracy, &fixture::record()).unwrap();
        assert_eq!((drop.value, drop.n, drop.lost, drop.gained), (0.0, 600, Some(1), Some(1)));
        assert!(drop.high.unwrap() > 0.005 && drop.high.unwrap() < 0.015, "{drop:?}");
        assert!((drop.low.unwrap() + drop.high.unwrap()).abs() < 1e-12, "as much the other way");
    }

    #[test]
    fn only_examples_of_both_arms_count() {
        let mut record = fixture::record();
        record.arms[0].measured[7] = false;
        record.arms[2].measured[8] = false;
        let drop = drop_in(Metric::Accuracy, &record).unwrap();
        assert_eq!((drop.n, drop.lost, drop.gained), (598, Some(0), Some(1)));
    }

    #[test]
    fn similarity_drops_its_correlations() {
        for id in [Metric::Spearman, Metric::Pearson] {
            let drop = drop_in(id, &fixture::similarity()).unwrap();
            assert!(
                drop.value.abs() < 0.01 && drop.low.unwrap() < drop.value && drop.value < drop.high.unwrap()
            );
            assert_eq!((drop.n, drop.lost), (600, None));
        }
    }

    #[test]
    fn drops_by_class_are_those_of_the_arms_own_values() {
        let mut record = fixture::record();
        // More right than wrong, and unlike in both arms.
        record.arms[2].outputs[..30].fill(0.0);
        let analysis = crate::analysis::analyse(&record);
        for id in [Metric::MacroF1, Metric::Mcc] {
            let drop = drop_in(id, &record).unwrap();
            let [before, after] = [0, 2].map(|arm| analysis.arms[arm].metric(id).unwrap().value);
            assert!(drop.value != 0.0 && (drop.value - (before - after)).abs() < 1e-12, "{drop:?}");
        }
    }

    #[test]
    fn the_method_is_the_one_that_was_used() {
        let drop = |record: &RunRecord| drop_in(Metric::Pearson, record).unwrap();
        assert!(drop(&fixture::similarity()).method.starts_with("paired percentile bootstrap"));
        let mut many = fixture::similarity();
        many.gold = many.gold.repeat(40);
        for arm in &mut many.arms {
            arm.outputs = arm.outputs.repeat(40);
            arm.measured = arm.measured.repeat(40);
        }
        let drop = drop(&many);
        assert_eq!(drop.n, 24_000);
        assert!(drop.method.starts_with("spread among random groups"), "{}", drop.method);
    }

    #[test]
    fn few_examples_are_no_trouble() {
        for id in [Metric::Accuracy, Metric::MacroF1, Metric::Mcc] {
            assert_eq!(drop_in(id, &fixture::empty()), None);
            assert_eq!(drop_in(id, &fixture::killed(2)), None);
        }
        let one = drop_in(Metric::Accuracy, &fixture::shortened(fixture::record(), 1)).unwrap();
        assert!(one.n == 1 && one.high.unwrap() > 0.7);
        assert_eq!(drop_in(Metric::Spearman, &fixture::shortened(fixture::similarity(), 1)), None);
    }
}
