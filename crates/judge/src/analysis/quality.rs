//! How good the answers of one arm are.

use gatecheck_base::fs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    estimate::Estimate,
};
use crate::{
    metrics::{
        classification::{Confusion, gold_class},
        similarity,
    },
    record::Task,
    stats::proportion,
};

/// The metric that `accuracy` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Share of examples answered rightly.
    Accuracy,
    /// Spearman's correlation of the scores with the gold.
    Spearman,
}

impl Metric {
    /// The metric of a task.
    pub fn of(task: Task) -> Self {
        match task {
            Task::Classification => Self::Accuracy,
            Task::Similarity => Self::Spearman,
        }
    }
}

/// The quality metrics of one arm; those of the other task stay empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Quality {
    pub(super) accuracy: Option<Estimate>,
    pub(super) pearson: Option<Estimate>,
    pub(super) macro_f1: Option<f64>,
    pub(super) mcc: Option<f64>,
    pub(super) recall: Vec<Option<f64>>,
    pub(super) confusion: Vec<Vec<u64>>,
}

pub(super) fn quality(questions: &Questions<'_>, answers: &Answers<'_>, confidence: f64) -> Quality {
    match questions.task {
        Task::Classification => classification(questions, answers, confidence),
        Task::Similarity => correlations(questions, answers, confidence),
    }
}

fn classification(questions: &Questions<'_>, answers: &Answers<'_>, confidence: f64) -> Quality {
    let classes = answers.classes();
    let pairs = (0..questions.len()).filter_map(|example| {
        let class = answers.class(example)?;
        Some((gold_class(questions.gold(example), classes), class))
    });
    let confusion = Confusion::new(classes, pairs);
    let interval = proportion::wilson(confusion.correct(), confusion.examples(), confidence);
    Quality {
        accuracy: confusion.accuracy().and_then(|value| Estimate::new(value, interval, confusion.examples())),
        pearson: None,
        macro_f1: confusion.macro_f1(),
        mcc: confusion.mcc(),
        recall: confusion.recall(),
        confusion: confusion.rows(),
    }
}

fn correlations(questions: &Questions<'_>, answers: &Answers<'_>, confidence: f64) -> Quality {
    let points = (0..questions.len()).filter_map(|example| {
        let gold = questions.gold(example);
        gold.is_finite().then_some((gold, answers.score(example)?))
    });
    let (gold, scores): (Vec<f64>, Vec<f64>) = points.unzip();
    let estimate = |correlation: similarity::Correlation| {
        Estimate::new(correlation.value, correlation.interval, gold.len() as u64)
    };
    Quality {
        accuracy: similarity::spearman(&gold, &scores, confidence).and_then(estimate),
        pearson: similarity::pearson(&gold, &scores, confidence).and_then(estimate),
        ..Quality::default()
    }
}

/// SHA-256 of the predictions in dataset order: predicted classes as little-endian `u32`, or
/// similarity scores as little-endian `f32`. `None` unless every example was measured.
pub(super) fn predictions_sha256(questions: &Questions<'_>, answers: &Answers<'_>) -> Option<String> {
    let bytes = |example| match questions.task {
        Task::Classification => answers.class(example).map(|class| (class as u32).to_le_bytes()),
        Task::Similarity => answers.row(example).map(|row| row[0].to_le_bytes()),
    };
    let bytes: Option<Vec<[u8; 4]>> = (0..questions.len()).map(bytes).collect();
    bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| fs::sha256(bytes.as_flattened()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn classification_has_its_metrics() {
        let record = fixture::record();
        let questions = Questions::of(&record);
        let quality = quality(&questions, &Answers::of(&record, &record.arms[0]), 0.95);
        let accuracy = quality.accuracy.unwrap();
        assert_eq!((accuracy.value, accuracy.n), (0.9, 600));
        assert!((accuracy.low.unwrap() - 0.8734).abs() < 1e-4);
        assert!((accuracy.high.unwrap() - 0.9215).abs() < 1e-4);
        assert_eq!(quality.recall, vec![Some(0.9); 3]);
        assert!((quality.macro_f1.unwrap() - 0.9).abs() < 1e-12);
        assert!((quality.mcc.unwrap() - 0.85).abs() < 1e-12);
        assert_eq!(quality.confusion, [[180, 20, 0], [0, 180, 20], [20, 0, 180]]);
    }

    #[test]
    fn similarity_has_its_own() {
        let record = fixture::similarity();
        let quality = quality(&Questions::of(&record), &Answers::of(&record, &record.arms[0]), 0.95);
        assert!(quality.accuracy.unwrap().value > 0.9 && quality.pearson.unwrap().value > 0.9);
        assert_eq!((quality.mcc, quality.recall.len()), (None, 0));
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
