//! Where the candidate lost most: the worst gold label and the worst quartile of length.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drop::{AccuracyDrop, Pair, drop};
use crate::{
    metrics::classification::gold_class,
    record::Task,
    stats::{Resampling, quantile},
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
    pub drop: AccuracyDrop,
}

/// The slice with the largest drop of each kind.
pub(super) fn worst_slices(
    pair: &Pair<'_>,
    examples: &[usize],
    labels: &[String],
    tokens: &[u32],
    resampling: &Resampling,
) -> Vec<Slice> {
    let worst = |kind, parts: Vec<(String, Vec<usize>)>| {
        let slices = parts.into_iter().filter_map(|(name, part)| {
            let drop = drop(pair, &part, resampling)?;
            Some(Slice { kind, name, drop })
        });
        slices.reduce(|worst, next| if next.drop.value > worst.drop.value { next } else { worst })
    };
    let by_label = match pair.questions.task {
        Task::Classification => label_parts(pair, examples, labels),
        Task::Similarity => Vec::new(),
    };
    let by_length = length_parts(examples, tokens);
    [worst(SliceKind::Label, by_label), worst(SliceKind::Length, by_length)].into_iter().flatten().collect()
}

fn label_parts(pair: &Pair<'_>, examples: &[usize], labels: &[String]) -> Vec<(String, Vec<usize>)> {
    let classes = pair.baseline.classes();
    let class_of = |example: usize| gold_class(pair.questions.gold(example), classes);
    let part = |class: usize| {
        let name = labels.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
        (name, examples.iter().copied().filter(|&example| class_of(example) == Some(class)).collect())
    };
    (0..classes).map(part).collect()
}

/// Four parts of about equal size; fewer when many examples are of one length.
fn length_parts(examples: &[usize], tokens: &[u32]) -> Vec<(String, Vec<usize>)> {
    let length = |example: usize| tokens.get(example).copied();
    let lengths: Vec<f64> = examples.iter().filter_map(|&example| length(example)).map(f64::from).collect();
    let Some(cuts) = [0.25, 0.5, 0.75].map(|q| quantile::quantile(&lengths, q)).into_iter().collect() else {
        return Vec::new();
    };
    let cuts: Vec<f64> = cuts;
    let mut parts = vec![Vec::new(); 4];
    for &example in examples {
        if let Some(length) = length(example) {
            parts[cuts.iter().filter(|&&cut| f64::from(length) > cut).count()].push(example);
        }
    }
    parts.into_iter().filter_map(|part| Some((length_name(&part, tokens)?, part))).collect()
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
}
