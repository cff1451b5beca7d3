//! What the arms answered, example by example.

use crate::{
    metrics::classification::{argmax, gold_class},
    record::{ArmRecord, RunRecord, Task},
};

/// The gold and the task, which all arms share.
#[derive(Clone, Copy)]
pub(super) struct Questions<'a> {
    pub(super) task: Task,
    gold: &'a [f64],
}

impl<'a> Questions<'a> {
    pub(super) fn of(record: &'a RunRecord) -> Self {
        Self { task: record.dataset.task, gold: &record.gold }
    }

    pub(super) fn len(&self) -> usize {
        self.gold.len()
    }

    pub(super) fn gold(&self, example: usize) -> f64 {
        self.gold[example]
    }

    /// Examples whose gold means nothing to a model of `classes` classes.
    pub(super) fn unknown(&self, classes: usize) -> u64 {
        let is_unknown = |gold: &&f64| match self.task {
            Task::Classification => gold_class(**gold, classes).is_none(),
            Task::Similarity => !gold.is_finite(),
        };
        self.gold.iter().filter(is_unknown).count() as u64
    }
}

/// The outputs of one arm.
#[derive(Clone, Copy)]
pub(super) struct Answers<'a> {
    arm: &'a ArmRecord,
}

impl<'a> Answers<'a> {
    pub(super) fn of(arm: &'a ArmRecord) -> Self {
        Self { arm }
    }

    /// Numbers per example.
    pub(super) fn width(&self) -> usize {
        self.arm.output_width as usize
    }

    /// The outputs of an example; `None` when it was not measured or is not all numbers.
    pub(super) fn row(&self, example: usize) -> Option<&'a [f32]> {
        let start = example.checked_mul(self.width()).filter(|_| self.width() > 0)?;
        let row = self.arm.outputs.get(start..start.checked_add(self.width())?)?;
        let measured = self.arm.measured.get(example).copied().unwrap_or(false);
        (measured && row.iter().all(|value| value.is_finite())).then_some(row)
    }

    /// The predicted class.
    pub(super) fn class(&self, example: usize) -> Option<usize> {
        self.row(example).map(argmax)
    }

    /// The similarity score: the first number.
    pub(super) fn score(&self, example: usize) -> Option<f64> {
        self.row(example).map(|row| f64::from(row[0]))
    }

    /// Whether the predicted class is the gold one; an unknown gold never is.
    pub(super) fn is_right(&self, questions: &Questions<'_>, example: usize) -> Option<bool> {
        let class = self.class(example)?;
        Some(gold_class(questions.gold(example), self.width()) == Some(class))
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
        let answers = Answers::of(&record.arms[0]);
        assert_eq!(answers.examples(&questions), [0, 3]);
        assert_eq!((answers.class(3), answers.is_right(&questions, 3)), (Some(0), Some(true)));
        assert_eq!(answers.row(usize::MAX), None);
        record.arms[0].output_width = 0;
        assert_eq!(Answers::of(&record.arms[0]).row(0), None);
    }

    #[test]
    fn unknown_gold_is_counted() {
        let mut record = fixture::record();
        record.gold[0] = 3.0;
        record.gold[1] = -1.0;
        assert_eq!(Questions::of(&record).unknown(3), 2);
    }
}
