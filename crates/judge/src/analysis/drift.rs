//! How far an arm's outputs are from the baseline's, as one number that is zero where they are the same.

use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    compare::divergence,
    pair::Pair,
};
use crate::record::{ArmRecord, RunRecord};

/// What a drift is the mean of.
///
/// Both are quadratic where differences are small: what independent small errors add to it adds up (of the divergence
/// see Kullback, *Information Theory and Statistics*, 1959, chapter 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftMeasure {
    /// The Kullback-Leibler divergence of the classes from baseline to arm, in nats.
    Divergence,
    /// The squared difference of the outputs.
    SquaredDifference,
}

impl DriftMeasure {
    /// That of a record: the divergence where the outputs of an example are one distribution.
    pub fn of(record: &RunRecord) -> Self {
        let Questions { task, exclusive, .. } = Questions::of(record);
        if task.has_classes() && exclusive { Self::Divergence } else { Self::SquaredDifference }
    }

    /// Its name with the unit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Divergence => "mean KL divergence, nats",
            Self::SquaredDifference => "mean squared difference",
        }
    }
}

/// The mean drift of an arm over the examples measured in it and in the baseline. `None` without such examples.
pub fn drift(record: &RunRecord, baseline: &ArmRecord, arm: &ArmRecord) -> Option<f64> {
    let pair = Pair {
        questions: Questions::of(record),
        baseline: Answers::of(record, baseline),
        candidate: Answers::of(record, arm),
    };
    let examples = pair.examples();
    match DriftMeasure::of(record) {
        DriftMeasure::Divergence => divergence(&pair, &examples).map(|kl| kl.mean),
        DriftMeasure::SquaredDifference => squared_difference(&pair, &examples),
    }
}

fn squared_difference(pair: &Pair<'_>, examples: &[usize]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for &example in examples {
        let (before, after) = (pair.baseline.row(example)?, pair.candidate.row(example)?);
        if before.len() != after.len() {
            return None;
        }
        let squares =
            before.iter().zip(after).map(|(one, other)| (f64::from(*one) - f64::from(*other)).powi(2));
        sum += squares.sum::<f64>();
        count += before.len();
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::analyse, fixture};

    fn of_last(record: &RunRecord) -> Option<f64> {
        drift(record, &record.arms[0], record.arms.last().unwrap())
    }

    #[test]
    fn classes_drift_by_their_divergence() {
        let record = fixture::record();
        let kl = analyse(&record).comparison("mlx-q8").unwrap().kl.unwrap();
        assert_eq!((DriftMeasure::of(&record), of_last(&record)), (DriftMeasure::Divergence, Some(kl.mean)));
        assert_eq!(drift(&record, &record.arms[0], &record.arms[0]), Some(0.0));
        let mut one_by_one = fixture::zero_shot();
        one_by_one.dataset.zero_shot.as_mut().unwrap().multi_label = true;
        assert_eq!(DriftMeasure::of(&one_by_one), DriftMeasure::SquaredDifference);
        assert!(of_last(&one_by_one).unwrap() > 0.0);
        let names = [&record, &one_by_one].map(|record| DriftMeasure::of(record).name());
        assert_eq!(names, ["mean KL divergence, nats", "mean squared difference"]);
    }

    #[test]
    fn scores_drift_by_their_squares() {
        let mut record = fixture::shortened(fixture::similarity(), 3);
        let [before, after] = [vec![0.5, 0.25, 1.0], vec![0.5, 0.75, 0.0]];
        (record.arms[0].outputs, record.arms.last_mut().unwrap().outputs) = (before, after);
        assert_eq!(of_last(&record), Some((0.25 + 1.0) / 3.0));
        record.arms[0].measured[2] = false;
        assert_eq!(of_last(&record), Some(0.125));
        record.arms[0].measured.fill(false);
        assert_eq!(of_last(&record), None);
    }
}
