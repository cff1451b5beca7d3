//! Correlation of scores with the gold, with intervals.

use crate::stats::{Interval, correlation};

/// A correlation and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// Between −1 and 1.
    pub value: f64,
    /// `None` for fewer than four points.
    pub interval: Option<Interval>,
}

/// Pearson's correlation, its interval by Fisher's transformation.
pub fn pearson(gold: &[f64], scores: &[f64], confidence: f64) -> Option<Correlation> {
    let value = correlation::pearson(gold, scores)?;
    let interval = correlation::fisher_interval(value, gold.len() as u64, 1.0, confidence);
    Some(Correlation { value, interval })
}

/// Spearman's correlation (ties share their average rank), its interval by Fisher's
/// transformation with Bonett and Wright's variance.
pub fn spearman(gold: &[f64], scores: &[f64], confidence: f64) -> Option<Correlation> {
    let value = correlation::spearman(gold, scores)?;
    let variance = 1.0 + value * value / 2.0;
    let interval = correlation::fisher_interval(value, gold.len() as u64, variance, confidence);
    Some(Correlation { value, interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_surround_the_value() {
        let gold: Vec<f64> = (0..30).map(f64::from).collect();
        let scores: Vec<f64> = (0..30).map(|i| f64::from(i + (i * 7) % 11)).collect();
        for correlation in [pearson(&gold, &scores, 0.95), spearman(&gold, &scores, 0.95)] {
            let Correlation { value, interval } = correlation.unwrap();
            let interval = interval.unwrap();
            assert!(interval.low < value && value < interval.high && interval.high < 1.0);
        }
    }

    #[test]
    fn few_points_have_no_interval() {
        assert_eq!(spearman(&[], &[], 0.95), None);
        assert_eq!(pearson(&[1.0], &[1.0], 0.95), None);
        let two = spearman(&[1.0, 2.0], &[1.0, 2.0], 0.95).unwrap();
        assert_eq!((two.value, two.interval), (1.0, None));
    }
}
