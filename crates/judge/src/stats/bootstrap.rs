//! The percentile bootstrap.

use super::{
    distribution::{normal_score, student_score},
    interval::Interval,
    quantile::quantile_sorted,
};

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    /// Confidence of the interval, such as 0.95.
    pub confidence: f64,
    /// Number of draws.
    pub resamples: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Resampling {
    /// Keeps the confidence and the number of draws within what means something: a percentile
    /// of a handful of draws would be noise, and no confidence is ever 1.
    pub fn new(confidence: f64, resamples: u32, seed: u64) -> Self {
        let confidence = if confidence.is_nan() { 0.95 } else { confidence.clamp(0.5, 0.9999) };
        Self { confidence, resamples: resamples.clamp(1_000, 1_000_000), seed }
    }

    /// Whether the resamples that have the number are so many that they are no biased choice.
    pub fn are_enough(&self, draws: &[f64]) -> bool {
        draws.len() >= self.resamples as usize / 20 * 19
    }
}

/// The share of examples that may have changed although none was seen to: `z² / (n + z²)`, the bound that
/// [`super::proportion::tango`] gives (Hanley and Lippman-Hand, "If nothing goes wrong, is everything all
/// right?", 1983).
pub fn unseen_share(n: f64, confidence: f64) -> f64 {
    let z_squared = normal_score(confidence).powi(2);
    z_squared / (n + z_squared)
}

/// The interval that holds the middle `confidence` of the draws. Sorts them.
pub fn percentile_interval(draws: &mut [f64], confidence: f64) -> Option<Interval> {
    draws.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Interval::finite(quantile_sorted(draws, tail)?, quantile_sorted(draws, 1.0 - tail)?)
}

/// By how much the percentile interval of `n` units is too narrow.
///
/// Resampling uses the spread of the sample, which is too small by `sqrt((n - 1) / n)`, and the
/// normal score where `n` units deserve Student's (Hesterberg, "What teachers should know about
/// the bootstrap", 2015, section 3.2, "narrowness bias").
pub fn narrowness(n: u64, confidence: f64) -> Option<f64> {
    let freedom = n.checked_sub(1).filter(|freedom| *freedom > 0)?;
    let scores = student_score(confidence, freedom) / normal_score(confidence);
    Some(scores * (n as f64 / freedom as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_cut_both_tails() {
        let mut draws: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
        let interval = percentile_interval(&mut draws, 0.95).unwrap();
        assert!((interval.low - 25.0).abs() < 1e-9 && (interval.high - 975.0).abs() < 1e-9);
        assert_eq!(percentile_interval(&mut [], 0.95), None);
    }

    #[test]
    fn narrowness_fades() {
        assert_eq!(narrowness(0, 0.95), None);
        assert_eq!(narrowness(1, 0.95), None);
        assert!(narrowness(2, 0.95).unwrap() > 9.0);
        assert!((narrowness(5000, 0.95).unwrap() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn nonsense_is_kept_out() {
        assert_eq!(Resampling::new(f64::NAN, 0, 1), Resampling::new(0.95, 1000, 1));
        assert_eq!(Resampling::new(1.0, 5000, 1).confidence, 0.9999);
    }
}
