//! Where the candidate lost most: the worst gold label and the worst quartile of length.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    drop::{drop, drop_value},
    pair::{MetricDrop, Pair},
};
use crate::{
    metrics::classification::gold_class,
    stats::{Resampling, proportion::Outcomes, quantile},
    task::Metric,
};

/// What the examples of a slice share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SliceKind {
    /// The gold label.
    Label,
    /// The quartile of the length in tokens.
    Length,
}

/// A part of the examples, and the drop there.
///
/// It is the worst of several, so its interval is no test: look there first, no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// What its examples share.
    pub kind: SliceKind,
    /// Which: a label, or a range of tokens such as `18 to 31 tokens`.
    pub name: String,
    /// The drop within.
    pub drop: MetricDrop,
}

/// The slice with the largest drop of each kind: labels by their recall, lengths by the metric that is judged.
pub(super) fn worst_slices(
    pair: &Pair<'_>,
    examples: &[usize],
    labels: &[String],
    tokens: &[u32],
    resampling: &Resampling,
) -> Vec<Slice> {
    let by_label = worst_label(pair, examples, labels, resampling);
    by_label.into_iter().chain(worst_length(pair, examples, tokens, resampling)).collect()
}

fn worst_label(
    pair: &Pair<'_>,
    examples: &[usize],
    labels: &[String],
    resampling: &Resampling,
) -> Option<Slice> {
    if !pair.questions.task.has_classes() {
        return None;
    }
    let classes = pair.baseline.classes();
    let mut parts = vec![Outcomes { examples: 0.0, lost: 0.0, gained: 0.0 }; classes];
    for &example in examples {
        if let Some(class) = gold_class(pair.questions.gold(example), classes) {
            let (lost, gained) = pair.outcome(example);
            parts[class].examples += 1.0;
            parts[class].lost += f64::from(u8::from(lost));
            parts[class].gained += f64::from(u8::from(gained));
        }
    }
    let drops = parts.iter().map(|part| (part.examples > 0.0).then(|| part.drop()));
    let class = worst(drops)?;
    let name = labels.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
    Some(Slice {
        kind: SliceKind::Label,
        name,
        drop: MetricDrop::of_share(Metric::Recall, &parts[class], resampling)?,
    })
}

fn worst_length(
    pair: &Pair<'_>,
    examples: &[usize],
    tokens: &[u32],
    resampling: &Resampling,
) -> Option<Slice> {
    let metric = *pair.questions.metrics.first()?;
    let parts = length_parts(examples, tokens);
    let part = &parts[worst(parts.iter().map(|part| drop_value(metric, pair, part)))?];
    let drop = drop(metric, pair, part, resampling)?;
    Some(Slice { kind: SliceKind::Length, name: length_name(part, tokens)?, drop })
}

/// The place of the largest drop, the first of equals.
fn worst(drops: impl Iterator<Item = Option<f64>>) -> Option<usize> {
    let known = drops.enumerate().filter_map(|(place, drop)| Some((place, drop?)));
    known.reduce(|worst, next| if next.1 > worst.1 { next } else { worst }).map(|(place, _)| place)
}

/// Four parts of about equal size; fewer when many examples are of one length.
fn length_parts(examples: &[usize], tokens: &[u32]) -> Vec<Vec<usize>> {
    let length = |example: usize| tokens.get(example).copied();
    let mut lengths: Vec<f64> =
        examples.iter().filter_map(|&example| length(example)).map(f64::from).collect();
    lengths.sort_by(f64::total_cmp);
    let cuts = [0.25, 0.5, 0.75].map(|q| quantile::quantile_sorted(&lengths, q));
    let mut parts = vec![Vec::new(); 4];
    for &example in examples {
        if let Some(length) = length(example) {
            parts[cuts.iter().flatten().filter(|&&cut| f64::from(length) > cut).count()].push(example);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn length_name(part: &[usize], tokens: &[u32]) -> Option<String> {
    let lengths = || part.iter().filter_map(|&example| tokens.get(example));
    Some(format!("{} to {} tokens", lengths().min()?, lengths().max()?))
}

#[cfg(test)]
mod tests {
    use super::{
        super::answers::{Answers, Questions},
        *,
    };
    use crate::fixture;
    use crate::record::RunRecord;

    fn slices(record: &RunRecord) -> Vec<Slice> {
        let pair = Pair {
            questions: Questions::of(record),
            baseline: Answers::of(record, &record.arms[0]),
            candidate: Answers::of(record, record.arms.last().unwrap()),
        };
        let resampling = Resampling::new(0.95, 1000, 1);
        worst_slices(&pair, &pair.examples(), record.label_names(), &record.tokens, &resampling)
    }

    #[test]
    fn the_worst_slices_hold_the_loss() {
        let slices = slices(&fixture::record());
        // Example 7 is of class 1 and has 8 + 7 · 37 mod 60 = 27 tokens.
        assert_eq!((slices[0].kind, slices[0].name.as_str()), (SliceKind::Label, "neutral"));
        assert_eq!((slices[0].drop.n, slices[0].drop.lost), (200, Some(1)));
        assert_eq!((slices[1].kind, slices[1].name.as_str()), (SliceKind::Length, "23 to 37 tokens"));
        assert_eq!((slices[1].drop.n, slices[1].drop.lost), (150, Some(1)));
    }

    #[test]
    fn slices_may_be_few() {
        assert!(slices(&fixture::empty()).is_empty());
        let mut record = fixture::record();
        record.tokens.fill(9);
        assert_eq!(slices(&record)[1].name, "9 to 9 tokens");
        record.tokens.clear();
        assert_eq!(slices(&record).len(), 1);
        assert_eq!(slices(&fixture::similarity())[0].kind, SliceKind::Length);
    }

    #[test]
    fn a_label_that_no_example_has_is_not_the_worst() {
        let mut record = fixture::record();
        record.gold.iter_mut().for_each(|gold| *gold = gold.max(1.0));
        assert_eq!(slices(&record)[0].name, "neutral");
    }

    #[test]
    fn the_worst_length_is_that_of_the_metric_that_is_judged() {
        let mut record = fixture::record();
        for metric in [Metric::MacroF1, Metric::Mcc, Metric::Accuracy] {
            record.dataset.metrics = vec![metric];
            let worst = &slices(&record)[1];
            assert_eq!((worst.drop.id, worst.name.as_str()), (metric, "23 to 37 tokens"));
            assert!(worst.drop.value > 0.0, "{metric:?}: {}", worst.drop.value);
        }
    }
}
