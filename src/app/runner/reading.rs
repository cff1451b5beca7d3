//! From the rows that the model gives for an example to the outputs that the record keeps.

use crate::app::cell::Reading;

/// Writes the outputs of one example. Returns whether the rows are as many and as wide as they must be.
pub(super) fn read(reading: Reading, rows: &[&[f32]], outputs: &mut [f32]) -> bool {
    match (reading, rows) {
        (Reading::Logits, [row]) if row.len() == outputs.len() => outputs.copy_from_slice(row),
        (Reading::Cosine, [first, second]) if outputs.len() == 1 => outputs[0] = cosine(first, second),
        (Reading::Candidates { entailment, against }, rows) if rows.len() == outputs.len() => {
            for (output, row) in outputs.iter_mut().zip(rows) {
                let logit = |class: usize| row.get(class).copied();
                let against = against.map_or(Some(0.0), logit);
                let Some((logit, against)) = logit(entailment).zip(against) else { return false };
                *output = logit - against;
            }
        }
        _ => return false,
    }
    true
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
        assert!(read(Reading::Candidates { entailment: 0, against: None }, &rows, &mut outputs));
        assert_eq!(outputs, [3.0, -1.0]);
        assert!(read(Reading::Candidates { entailment: 2, against: Some(0) }, &rows, &mut outputs));
        assert_eq!(outputs, [-2.0, 5.0]);
    }

    #[test]
    fn rows_of_another_shape_are_not_read() {
        let row: &[f32] = &[1.0, 2.0];
        assert!(!read(Reading::Logits, &[row], &mut [0.0; 3]));
        assert!(!read(Reading::Logits, &[row, row], &mut [0.0; 2]));
        assert!(!read(Reading::Cosine, &[row], &mut [0.0]));
        assert!(!read(Reading::Candidates { entailment: 2, against: None }, &[row], &mut [0.0]));
    }
}
