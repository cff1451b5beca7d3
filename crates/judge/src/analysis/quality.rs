//! How good the answers of one arm are.

use gatecheck_base::fs;

use super::{
    answers::{Answers, Questions},
    value::MetricValue,
};
use crate::{
    metrics::{
        classification::{Confusion, Margins, gold_class},
        similarity,
    },
    stats::{Interval, Resampling, paired, proportion},
    task::{Metric, Unit},
};

/// Classes up to which their confusion is in the report, as a million numbers.
const MOST_CONFUSED: usize = 1000;

/// The quality metrics of one arm that are asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Quality {
    pub(super) metrics: Vec<MetricValue>,
    /// Examples by gold class (rows) and predicted class (columns); empty for scores and for too many classes.
    pub(super) confusion: Vec<Vec<u64>>,
}

pub(super) fn quality(questions: &Questions<'_>, answers: &Answers<'_>, resampling: &Resampling) -> Quality {
    if questions.task.has_classes() {
        classification(questions, answers, resampling)
    } else {
        correlations(questions, answers, resampling.confidence)
    }
}

fn classification(questions: &Questions<'_>, answers: &Answers<'_>, resampling: &Resampling) -> Quality {
    let classes = answers.classes();
    let pairs = (0..questions.len()).filter_map(|example| {
        let class = answers.class(example)?;
        Some((gold_class(questions.gold(example), classes), class))
    });
    let confusion = Confusion::new(classes, pairs);
    let judged = questions.metrics.first();
    let metrics = questions
        .metrics
        .iter()
        .flat_map(|metric| of_classes(*metric, &confusion, resampling, judged == Some(metric)));
    let is_shown = classes <= MOST_CONFUSED;
    Quality { metrics: metrics.collect(), confusion: if is_shown { confusion.rows() } else { Vec::new() } }
}

/// A metric of classes. Where no formula gives an interval it takes resampling, which is worth its time for
/// the metric that is judged.
fn of_classes(
    metric: Metric,
    confusion: &Confusion,
    resampling: &Resampling,
    is_judged: bool,
) -> Vec<MetricValue> {
    let examples = confusion.examples();
    let wilson = |successes, trials| proportion::wilson(successes, trials, resampling.confidence);
    let statistic: fn(&Margins) -> Option<f64> = match metric {
        Metric::Accuracy => {
            let interval = wilson(confusion.correct(), examples);
            let value = confusion.accuracy();
            return value
                .and_then(|value| MetricValue::new(metric, value, interval, examples))
                .into_iter()
                .collect();
        }
        Metric::Recall => {
            let each = confusion.recall().into_iter().enumerate().filter_map(|(class, recall)| {
                let (found, all) = (confusion.hits(class), confusion.gold(class));
                let value = MetricValue::new(metric, recall?, wilson(found, all), all)?;
                Some(MetricValue { class: Some(class as u32), ..value })
            });
            return each.collect();
        }
        Metric::MacroF1 => Margins::macro_f1,
        Metric::Mcc => Margins::mcc,
        _ => return Vec::new(),
    };
    let value = statistic(&confusion.margins());
    let lowest = if metric.unit() == Unit::Share { 0.0 } else { -1.0 };
    let interval = |value| {
        let interval = is_judged.then(|| resampled(confusion, value, statistic, resampling)).flatten();
        interval.map(|interval| interval.clamped(lowest, 1.0))
    };
    value.and_then(|value| MetricValue::new(metric, value, interval(value), examples)).into_iter().collect()
}

fn resampled(
    confusion: &Confusion,
    value: f64,
    statistic: fn(&Margins) -> Option<f64>,
    resampling: &Resampling,
) -> Option<Interval> {
    let cells: Vec<(usize, usize, u64)> = confusion.cells().collect();
    let counts: Vec<u64> = cells.iter().map(|(.., count)| *count).collect();
    let mut margins = Margins::new(confusion.classes());
    let mut statistic = |drawn: &[f64]| {
        margins.clear();
        cells.iter().zip(drawn).for_each(|((gold, class, _), weight)| margins.add(*gold, *class, *weight));
        statistic(&margins)
    };
    paired::interval_of_counts(&counts, value, &mut statistic, resampling)
}

fn correlations(questions: &Questions<'_>, answers: &Answers<'_>, confidence: f64) -> Quality {
    let points = (0..questions.len()).filter_map(|example| {
        let gold = questions.gold(example);
        gold.is_finite().then_some((gold, answers.score(example)?))
    });
    let (gold, scores): (Vec<f64>, Vec<f64>) = points.unzip();
    let metrics = questions.metrics.iter().filter_map(|metric| {
        let correlation = match metric {
            Metric::Spearman => similarity::spearman(&gold, &scores, confidence),
            Metric::Pearson => similarity::pearson(&gold, &scores, confidence),
            _ => None,
        }?;
        MetricValue::new(*metric, correlation.value, correlation.interval, gold.len() as u64)
    });
    Quality { metrics: metrics.collect(), confusion: Vec::new() }
}

/// SHA-256 of the predictions in dataset order: predicted classes as little-endian `u32`, or
/// similarity scores as little-endian `f32`. `None` unless every example was measured.
pub(super) fn predictions_sha256(questions: &Questions<'_>, answers: &Answers<'_>) -> Option<String> {
    let bytes = |example| {
        if questions.task.has_classes() {
            answers.class(example).map(|class| (class as u32).to_le_bytes())
        } else {
            answers.row(example).map(|row| row[0].to_le_bytes())
        }
    };
    let bytes: Option<Vec<[u8; 4]>> = (0..questions.len()).map(bytes).collect();
    bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| fs::sha256(bytes.as_flattened()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::value::value_of, fixture, record::RunRecord};

    fn of_baseline(record: &RunRecord) -> Quality {
        let resampling = Resampling::new(0.95, 1000, 1);
        quality(&Questions::of(record), &Answers::of(record, &record.arms[0]), &resampling)
    }

    #[test]
    fn classification_has_its_metrics() {
        let Quality { metrics, confusion } = of_baseline(&fixture::record());
        let accuracy = value_of(&metrics, Metric::Accuracy).unwrap();
        assert_eq!((accuracy.value, accuracy.n), (0.9, 600));
        assert!((accuracy.low.unwrap() - 0.8734).abs() < 1e-4);
        assert!((accuracy.high.unwrap() - 0.9215).abs() < 1e-4);
        let recall: Vec<_> = metrics.iter().filter(|value| value.id == Metric::Recall).collect();
        assert_eq!(
            recall.iter().map(|it| (it.class, it.value)).collect::<Vec<_>>(),
            [0, 1, 2].map(|class| (Some(class), 0.9))
        );
        assert!(recall[0].low.unwrap() < 0.9 && recall[0].n == 200);
        let value = |id| value_of(&metrics, id).unwrap();
        assert!((value(Metric::MacroF1).value - 0.9).abs() < 1e-12 && value(Metric::MacroF1).low.is_none());
        assert!((value(Metric::Mcc).value - 0.85).abs() < 1e-12);
        assert_eq!(confusion, [[180, 20, 0], [0, 180, 20], [20, 0, 180]]);
    }

    #[test]
    fn the_metrics_asked_for_are_given_and_the_judged_one_has_an_interval() {
        let mut record = fixture::record();
        for (judged, value) in [(Metric::MacroF1, 0.9), (Metric::Mcc, 0.85)] {
            record.dataset.metrics = vec![judged, Metric::Accuracy];
            let metrics = of_baseline(&record).metrics;
            assert_eq!(metrics.iter().map(|value| value.id).collect::<Vec<_>>(), record.dataset.metrics);
            let interval = metrics[0].interval().unwrap();
            assert!(interval.contains(value), "{interval:?}");
            // Near Wilson's for the accuracy, [0.8734, 0.9215]; a correlation's is wider.
            assert!((0.04..0.08).contains(&(interval.high - interval.low)), "{judged:?} {interval:?}");
        }
    }

    #[test]
    fn an_interval_below_zero_is_not_cut() {
        let mut record = fixture::record();
        record.dataset.metrics = vec![Metric::Mcc];
        let width = record.arms[0].output_width as usize;
        record.arms[0].outputs.chunks_mut(width).for_each(|row| row.rotate_right(1));
        let Quality { metrics, .. } = of_baseline(&record);
        let mcc = value_of(&metrics, Metric::Mcc).unwrap();
        assert!(mcc.value < -0.1 && mcc.low.unwrap() < mcc.value && mcc.value < mcc.high.unwrap(), "{mcc:?}");
    }

    #[test]
    fn similarity_has_its_own() {
        let Quality { metrics, confusion } = of_baseline(&fixture::similarity());
        assert_eq!(metrics.iter().map(|it| it.id).collect::<Vec<_>>(), [Metric::Spearman, Metric::Pearson]);
        assert!(metrics.iter().all(|it| it.value > 0.9 && it.low.is_some()) && confusion.is_empty());
    }

    #[test]
    fn hash_is_over_the_predictions() {
        let record = fixture::shortened(fixture::record(), 2);
        let questions = Questions::of(&record);
        // Example 0 should be class 0 and is answered 1; example 1 is class 1.
        let expected = fs::sha256(&[1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(predictions_sha256(&questions, &Answers::of(&record, &record.arms[0])), Some(expected));
        let killed = fixture::killed(0);
        assert_eq!(predictions_sha256(&Questions::of(&killed), &Answers::of(&killed, &killed.arms[0])), None);
    }
}
