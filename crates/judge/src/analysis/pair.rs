//! Two arms side by side, example by example, and what a drop between them is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    value::ends,
};
use crate::{
    stats::{Interval, Resampling, paired, proportion::Outcomes},
    task::Metric,
};

/// Baseline's metric − candidate's: positive when the candidate is worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricDrop {
    /// Which metric.
    pub id: Metric,
    /// The drop, absolute (0.015 is 1.5 points).
    pub value: f64,
    /// Lower end of its interval; `null` with too few examples.
    pub low: Option<f64>,
    /// Upper end of its interval; `null` with too few examples.
    pub high: Option<f64>,
    /// Examples measured in both arms.
    pub n: u64,
    /// Of accuracy and recall: examples that only the baseline answered rightly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Of accuracy and recall: examples that only the candidate answered rightly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gained: Option<u64>,
    /// How the interval was made.
    pub method: String,
}

const PROPORTIONS: &str = "the wider of Tango's score interval and the paired percentile bootstrap";
/// Of an interval that comes from resampling.
pub(super) const RESAMPLED: &str = "paired percentile bootstrap, widened for few examples, \
                                    no narrower than the bound for changes not seen yet";
/// Of one that comes from groups.
pub(super) const GROUPED: &str = "spread among random groups of the examples, \
                                  no narrower than the bound for changes not seen yet";

impl MetricDrop {
    /// That of a metric that is no share.
    pub(super) fn of_number(
        id: Metric,
        value: f64,
        interval: Option<Interval>,
        n: u64,
        method: &str,
    ) -> Self {
        let (low, high) = ends(interval);
        Self { id, value, low, high, n, lost: None, gained: None, method: method.to_owned() }
    }

    /// That of a share of right answers. `None` without examples.
    pub(super) fn of_share(id: Metric, outcomes: &Outcomes, resampling: &Resampling) -> Option<Self> {
        let (low, high) = ends(Some(paired::drop_interval(outcomes, resampling)?));
        let [n, lost, gained] = [outcomes.examples, outcomes.lost, outcomes.gained].map(|count| count as u64);
        Some(Self {
            id,
            value: outcomes.drop(),
            low,
            high,
            n,
            lost: Some(lost),
            gained: Some(gained),
            method: PROPORTIONS.to_owned(),
        })
    }
}

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

    /// Whether one arm alone answered an example rightly: lost or gained.
    pub(super) fn outcome(&self, example: usize) -> (bool, bool) {
        let is_right = |answers: &Answers<'_>| answers.is_right(&self.questions, example) == Some(true);
        let (before, after) = (is_right(&self.baseline), is_right(&self.candidate));
        (before && !after, after && !before)
    }

    /// What became of `examples`.
    pub(super) fn outcomes(&self, examples: &[usize]) -> Outcomes {
        let mut outcomes = Outcomes { examples: examples.len() as f64, lost: 0.0, gained: 0.0 };
        for &example in examples {
            let (lost, gained) = self.outcome(example);
            outcomes.lost += f64::from(u8::from(lost));
            outcomes.gained += f64::from(u8::from(gained));
        }
        outcomes
    }

    /// Gold and both arms' scores of those of `examples` that have a gold score.
    pub(super) fn scores(&self, examples: &[usize]) -> Option<[Vec<f64>; 3]> {
        let mut columns = [const { Vec::new() }; 3];
        for &example in examples.iter().filter(|example| self.questions.gold(**example).is_finite()) {
            let (before, after) = (self.baseline.score(example)?, self.candidate.score(example)?);
            let row = [self.questions.gold(example), before, after];
            columns.iter_mut().zip(row).for_each(|(column, number)| column.push(number));
        }
        Some(columns)
    }
}
