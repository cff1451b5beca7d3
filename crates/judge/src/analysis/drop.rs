//! The drop of the quality metric from baseline to candidate, over the same examples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    estimate::ends,
};
use crate::{
    record::Task,
    stats::{
        Resampling,
        correlation::{self, CorrelationDrop},
        paired,
        proportion::Outcomes,
    },
};

/// Baseline's metric − candidate's: positive when the candidate is worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccuracyDrop {
    /// The drop, absolute (0.015 is 1.5 points).
    pub value: f64,
    /// Lower end of its interval; `null` with too few examples.
    pub low: Option<f64>,
    /// Upper end of its interval; `null` with too few examples.
    pub high: Option<f64>,
    /// Examples measured in both arms.
    pub n: u64,
    /// Examples that only the baseline answered rightly; `null` for similarity.
    pub lost: Option<u64>,
    /// Examples that only the candidate answered rightly; `null` for similarity.
    pub gained: Option<u64>,
    /// How the interval was made.
    pub method: String,
}

const PROPORTIONS: &str = "the wider of Tango's score interval and the paired percentile bootstrap";
const CORRELATIONS: &str = "paired percentile bootstrap, widened for few examples, \
                            no narrower than the bound for changes not seen yet";

/// The two arms of a comparison.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) questions: Questions<'a>,
    pub(super) baseline: Answers<'a>,
    pub(super) candidate: Answers<'a>,
}

impl Pair<'_> {
    /// The examples measured in both arms.
    pub(super) fn examples(&self) -> Vec<usize> {
        let is_answered = |&example: &usize| self.candidate.row(example).is_some();
        self.baseline.examples(&self.questions).into_iter().filter(is_answered).collect()
    }
}

/// The drop over `examples`, all measured in both arms. `None` when it has no value there.
pub(super) fn drop(pair: &Pair<'_>, examples: &[usize], resampling: &Resampling) -> Option<AccuracyDrop> {
    match pair.questions.task {
        Task::Classification => drop_of_accuracy(pair, examples, resampling),
        Task::Similarity => drop_of_spearman(pair, examples, resampling),
    }
}

fn drop_of_accuracy(pair: &Pair<'_>, examples: &[usize], resampling: &Resampling) -> Option<AccuracyDrop> {
    let (mut lost, mut gained) = (0_u32, 0_u32);
    for &example in examples {
        let before = pair.baseline.is_right(&pair.questions, example)?;
        let after = pair.candidate.is_right(&pair.questions, example)?;
        lost += u32::from(before && !after);
        gained += u32::from(after && !before);
    }
    let n = examples.len() as u64;
    let outcomes = Outcomes { examples: n as f64, lost: lost.into(), gained: gained.into() };
    let (low, high) = ends(paired::drop_interval(&outcomes, resampling));
    Some(AccuracyDrop {
        value: (n > 0).then(|| outcomes.drop())?,
        low,
        high,
        n,
        lost: Some(lost.into()),
        gained: Some(gained.into()),
        method: PROPORTIONS.to_owned(),
    })
}

fn drop_of_spearman(pair: &Pair<'_>, examples: &[usize], resampling: &Resampling) -> Option<AccuracyDrop> {
    let with_gold = examples.iter().filter(|&&example| pair.questions.gold(example).is_finite());
    let examples: Vec<usize> = with_gold.copied().collect();
    let gold: Vec<f64> = examples.iter().map(|&example| pair.questions.gold(example)).collect();
    let scores = |answers: &Answers<'_>| -> Option<Vec<f64>> {
        examples.iter().map(|&example| answers.score(example)).collect()
    };
    let (before, after) = (scores(&pair.baseline)?, scores(&pair.candidate)?);
    let CorrelationDrop { value, interval } = correlation::spearman_drop(&gold, &before, &after, resampling)?;
    let (low, high) = ends(interval);
    Some(AccuracyDrop {
        value,
        low,
        high,
        n: gold.len() as u64,
        lost: None,
        gained: None,
        method: CORRELATIONS.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::RunRecord;

    fn drop_in(record: &RunRecord) -> Option<AccuracyDrop> {
        let pair = Pair {
            questions: Questions::of(record),
            baseline: Answers::of(record, &record.arms[0]),
            candidate: Answers::of(record, record.arms.last().unwrap()),
        };
        drop(&pair, &pair.examples(), &Resampling::new(0.95, 1000, 1))
    }

    #[test]
    fn losses_and_gains_are_paired() {
        let drop = drop_in(&fixture::record()).unwrap();
        assert_eq!((drop.value, drop.n, drop.lost, drop.gained), (0.0, 600, Some(1), Some(1)));
        assert!(drop.high.unwrap() > 0.005 && drop.high.unwrap() < 0.015, "{drop:?}");
        assert!((drop.low.unwrap() + drop.high.unwrap()).abs() < 1e-12, "as much the other way");
    }

    #[test]
    fn only_examples_of_both_arms_count() {
        let mut record = fixture::record();
        record.arms[0].measured[7] = false;
        record.arms[2].measured[8] = false;
        let drop = drop_in(&record).unwrap();
        assert_eq!((drop.n, drop.lost, drop.gained), (598, Some(0), Some(1)));
    }

    #[test]
    fn similarity_drops_its_correlation() {
        let drop = drop_in(&fixture::similarity()).unwrap();
        assert!(drop.value.abs() < 0.01 && drop.low.unwrap() < drop.value && drop.value < drop.high.unwrap());
        assert_eq!((drop.n, drop.lost), (600, None));
    }

    #[test]
    fn few_examples_are_no_trouble() {
        assert_eq!(drop_in(&fixture::empty()), None);
        assert_eq!(drop_in(&fixture::killed(2)), None);
        let one = drop_in(&fixture::shortened(fixture::record(), 1)).unwrap();
        assert!(one.n == 1 && one.high.unwrap() > 0.7);
        assert_eq!(drop_in(&fixture::shortened(fixture::similarity(), 1)), None);
    }
}
