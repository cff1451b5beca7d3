//! How far the candidate's outputs are from the baseline's, whatever the gold says.

/// Kullback-Leibler divergence `D(softmax(baseline) ‖ softmax(candidate))` in nats.
///
/// `None` when the rows differ in length or are empty.
pub fn divergence(baseline: &[f32], candidate: &[f32]) -> Option<f64> {
    if baseline.len() != candidate.len() || baseline.is_empty() {
        return None;
    }
    let (before, after) = (LogSoftmax::of(baseline), LogSoftmax::of(candidate));
    let terms = baseline.iter().zip(candidate).map(|(left, right)| (before.at(*left), after.at(*right)));
    let sum: f64 = terms.map(|(p, q)| p.exp() * (p - q)).sum();
    // Rounding may leave it just below zero.
    sum.is_finite().then(|| sum.max(0.0))
}

/// The logarithm of the softmax of a row, number by number.
struct LogSoftmax {
    largest: f64,
    log_sum: f64,
}

impl LogSoftmax {
    fn of(row: &[f32]) -> Self {
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let log_sum = row.iter().map(|value| (f64::from(*value) - largest).exp()).sum::<f64>().ln();
        Self { largest, log_sum }
    }

    fn at(&self, value: f32) -> f64 {
        f64::from(value) - self.largest - self.log_sum
    }
}

/// The largest absolute difference between two rows. `None` when they differ in length.
pub fn max_difference(baseline: &[f32], candidate: &[f32]) -> Option<f64> {
    if baseline.len() != candidate.len() {
        return None;
    }
    let difference = |(left, right): (&f32, &f32)| (f64::from(*left) - f64::from(*right)).abs();
    baseline
        .iter()
        .zip(candidate)
        .map(difference)
        .fold(None, |largest, next| Some(largest.map_or(next, |largest: f64| largest.max(next))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_that_of_the_definition() {
        // Probabilities 1/2, 1/2 against 3/4, 1/4: ln 2 - ln(3) / 2.
        let candidate = [3.0_f32.ln(), 0.0];
        let expected = 0.5 * (0.5_f64 / 0.75).ln() + 0.5 * (0.5_f64 / 0.25).ln();
        assert!((divergence(&[5.0, 5.0], &candidate).unwrap() - expected).abs() < 1e-7);
        assert_eq!(divergence(&[1.0, 2.0], &[1.0, 2.0]), Some(0.0));
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let far = divergence(&[1e30, -1e30], &[-1e30, 1e30]).unwrap();
        assert!(far.is_finite() && far > 1e29);
        assert_eq!(divergence(&[], &[]), None);
        assert_eq!(divergence(&[1.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn differences_are_absolute() {
        assert_eq!(max_difference(&[1.0, -2.0], &[1.5, 1.0]), Some(3.0));
        assert_eq!(max_difference(&[1.0], &[]), None);
        assert_eq!(max_difference(&[], &[]), None);
    }
}
