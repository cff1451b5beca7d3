//! What the arms answered, example by example.

use crate::{
    metrics::classification::{argmax, gold_class},
    record::{ArmRecord, LabelMeaning, RunRecord},
    task::{Metric, Task},
};

/// The gold and the task, which all arms share.
#[derive(Clone, Copy)]
pub(super) struct Questions<'a> {
    pub(super) task: Task,
    /// The quality metrics that are shown, the first of which is judged.
    pub(super) metrics: &'a [Metric],
    /// Whether one class at most is right, so that the outputs of an example are one distribution.
    pub(super) exclusive: bool,
    gold: &'a [f64],
}

impl<'a> Questions<'a> {
    pub(super) fn of(record: &'a RunRecord) -> Self {
        let exclusive = !record.dataset.zero_shot.as_ref().is_some_and(|zero_shot| zero_shot.multi_label);
        Self { task: record.task(), metrics: record.metrics(), exclusive, gold: &record.gold }
    }

    pub(super) fn len(&self) -> usize {
        self.gold.len()
    }

    pub(super) fn gold(&self, example: usize) -> f64 {
        self.gold[example]
    }

    /// Examples whose gold is none of `classes` classes.
    pub(super) fn unknown(&self, classes: usize) -> u64 {
        let is_unknown = |gold: &&f64| {
            if self.task.has_classes() { gold_class(**gold, classes).is_none() } else { !gold.is_finite() }
        };
        self.gold.iter().filter(is_unknown).count() as u64
    }
}

/// The outputs of one arm.
#[derive(Clone, Copy)]
pub(super) struct Answers<'a> {
    arm: &'a ArmRecord,
    /// What the model's classes count as.
    meanings: &'a [LabelMeaning],
    /// Names of the scored classes.
    names: usize,
}

impl<'a> Answers<'a> {
    pub(super) fn of(record: &'a RunRecord, arm: &'a ArmRecord) -> Self {
        let labels = record.dataset.labels.as_ref();
        let meanings = labels.map_or(&[][..], |labels| &labels.model);
        Self { arm, meanings, names: labels.map_or(0, |labels| labels.names.len()) }
    }

    /// Numbers per example.
    pub(super) fn width(&self) -> usize {
        self.arm.output_width as usize
    }

    /// How many classes are scored.
    pub(super) fn classes(&self) -> usize {
        if self.meanings.is_empty() { self.width() } else { self.names }
    }

    /// The outputs of an example; `None` when it was not measured or is not all numbers.
    pub(super) fn row(&self, example: usize) -> Option<&'a [f32]> {
        let start = example.checked_mul(self.width()).filter(|_| self.width() > 0)?;
        let row = self.arm.outputs.get(start..start.checked_add(self.width())?)?;
        let measured = self.arm.measured.get(example).copied().unwrap_or(false);
        (measured && row.iter().all(|value| value.is_finite())).then_some(row)
    }

    /// The predicted class: what the model's class with the largest logit counts as.
    pub(super) fn class(&self, example: usize) -> Option<usize> {
        let class = self.row(example).map(argmax)?;
        Some(self.meanings.get(class).map_or(class, |meaning| meaning.class as usize))
    }

    /// The similarity score: the first number.
    pub(super) fn score(&self, example: usize) -> Option<f64> {
        self.row(example).map(|row| f64::from(row[0]))
    }

    /// Whether the predicted class is the gold one; an unknown gold never is.
    pub(super) fn is_right(&self, questions: &Questions<'_>, example: usize) -> Option<bool> {
        let class = self.class(example)?;
        Some(gold_class(questions.gold(example), self.classes()) == Some(class))
    }

    /// The examples that were measured.
    pub(super) fn examples(&self, questions: &Questions<'_>) -> Vec<usize> {
        (0..questions.len()).filter(|&example| self.row(example).is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn only_measured_numbers_are_answers() {
        let mut record = fixture::record();
        record.arms[0].measured[1] = false;
        record.arms[0].outputs[6] = f32::NAN;
        record.arms[0].outputs.truncate(13);
        let questions = Questions::of(&record);
        let answers = Answers::of(&record, &record.arms[0]);
        assert_eq!(answers.examples(&questions), [0, 3]);
        assert_eq!((answers.class(3), answers.is_right(&questions, 3)), (Some(0), Some(true)));
        assert_eq!(answers.row(usize::MAX), None);
        record.arms[0].output_width = 0;
        assert_eq!(Answers::of(&record, &record.arms[0]).row(0), None);
    }

    #[test]
    fn answers_are_folded() {
        let record = fixture::folded();
        let (questions, answers) = (Questions::of(&record), Answers::of(&record, &record.arms[0]));
        assert_eq!((answers.width(), answers.classes()), (3, 2));
        // Example 2 is a contradiction, example 20 was one and is answered as entailment.
        assert_eq!([1, 2, 3].map(|example| answers.class(example).unwrap()), [1, 1, 0]);
        assert_eq!([2, 20].map(|example| answers.is_right(&questions, example).unwrap()), [true, false]);
    }

    #[test]
    fn unknown_gold_is_counted() {
        let mut record = fixture::record();
        record.gold[0] = 3.0;
        record.gold[1] = -1.0;
        assert_eq!(Questions::of(&record).unknown(3), 2);
    }
}
