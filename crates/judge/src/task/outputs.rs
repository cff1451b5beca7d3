//! From the rows that a model gives for an example to the outputs that the record keeps.

use super::asked::Task;

/// What an example takes and gives: the shape of its rows, and how they become its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outputs {
    /// Rows of a batch that an example takes.
    pub rows: usize,
    /// Rows of one query; of a similarity pair one text, since each is embedded by itself.
    pub query_rows: usize,
    /// Numbers that the model must give for a row; `None` where that is its own choice.
    pub row_width: Option<usize>,
    /// Numbers of an example.
    pub width: usize,
    reduction: Reduction,
}

/// How rows become outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reduction {
    /// The one row as it is.
    Copy,
    /// Two rows: the cosine of their angle.
    Cosine,
    /// A number per row: the logit of a class,
    Logit {
        of: usize,
        /// less the logit of this one.
        less: Option<usize>,
    },
}

impl Outputs {
    /// One row of `classes` logits.
    pub fn classification(classes: usize) -> Self {
        Self { rows: 1, query_rows: 1, row_width: Some(classes), width: classes, reduction: Reduction::Copy }
    }

    /// Two embeddings, one number.
    pub fn similarity() -> Self {
        Self { rows: 2, query_rows: 1, row_width: None, width: 1, reduction: Reduction::Cosine }
    }

    /// A row of `classes` logits for each of `candidates`, of which the output is the logit of the class
    /// `entailment`; less that of `against`, where candidates are scored one by one.
    pub fn zero_shot(candidates: usize, classes: usize, entailment: usize, against: Option<usize>) -> Self {
        Self {
            rows: candidates,
            query_rows: candidates,
            row_width: Some(classes),
            width: candidates,
            reduction: Reduction::Logit { of: entailment, less: against },
        }
    }

    /// The task that has such outputs.
    pub fn task(&self) -> Task {
        match self.reduction {
            Reduction::Copy => Task::Classification,
            Reduction::Cosine => Task::Similarity,
            Reduction::Logit { .. } => Task::ZeroShot,
        }
    }

    /// Writes the outputs of one example. Returns whether the rows are as many and as wide as they must be.
    pub fn read(&self, rows: &[&[f32]], outputs: &mut [f32]) -> bool {
        if rows.len() != self.rows || outputs.len() != self.width {
            return false;
        }
        match (self.reduction, rows) {
            (Reduction::Copy, [row]) if row.len() == outputs.len() => outputs.copy_from_slice(row),
            (Reduction::Cosine, [first, second]) => outputs[0] = cosine(first, second),
            (Reduction::Logit { of, less }, rows) => {
                for (output, row) in outputs.iter_mut().zip(rows) {
                    let logit = |class: usize| row.get(class).copied();
                    let less = less.map_or(Some(0.0), logit);
                    let Some((logit, less)) = logit(of).zip(less) else { return false };
                    *output = logit - less;
                }
            }
            _ => return false,
        }
        true
    }
}

/// Cosine of the angle between two vectors, in double precision; 0 if one has no length.
fn cosine(first: &[f32], second: &[f32]) -> f32 {
    let dot = |left: &[f32], right: &[f32]| -> f64 {
        left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
    };
    let length = (dot(first, first) * dot(second, second)).sqrt();
    if length == 0.0 { 0.0 } else { (dot(first, second) / length) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_is_the_angle() {
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
        assert!((cosine(&[1.0, 1.0], &[2.0, 2.0]) - 1.0).abs() < 1e-7);
        assert_eq!(cosine(&[0.0], &[1.0]), 0.0);
    }

    #[test]
    fn candidates_give_one_number_each() {
        let rows: [&[f32]; 2] = [&[3.0, 0.5, 1.0], &[-1.0, 0.5, 4.0]];
        let mut outputs = [0.0; 2];
        assert!(Outputs::zero_shot(2, 3, 0, None).read(&rows, &mut outputs));
        assert_eq!(outputs, [3.0, -1.0]);
        assert!(Outputs::zero_shot(2, 3, 2, Some(0)).read(&rows, &mut outputs));
        assert_eq!(outputs, [-2.0, 5.0]);
    }

    #[test]
    fn rows_of_another_shape_are_not_read() {
        let row: &[f32] = &[1.0, 2.0];
        assert!(!Outputs::classification(3).read(&[row], &mut [0.0; 3]));
        assert!(!Outputs::classification(2).read(&[row, row], &mut [0.0; 2]));
        assert!(!Outputs::similarity().read(&[row], &mut [0.0]));
        assert!(!Outputs::zero_shot(1, 3, 2, None).read(&[row], &mut [0.0]));
    }

    #[test]
    fn outputs_know_their_task() {
        let all = [Outputs::classification(3), Outputs::similarity(), Outputs::zero_shot(2, 3, 0, None)];
        assert_eq!(all.map(|outputs| outputs.task()), Task::ALL);
    }
}
