//! Confidence intervals of quantiles from order statistics, which assume no distribution.

use super::{binomial::Binomial, interval::Interval};

/// The ranks, counted from 1, of the samples that bracket the quantile `q` with `confidence`.
///
/// The number of samples below the true quantile is binomial (Conover, "Practical nonparametric
/// statistics", section 3.2). `None` where so few samples give no bound on that side.
pub fn quantile_ranks(samples: u64, q: f64, confidence: f64) -> (Option<u64>, Option<u64>) {
    if samples == 0 {
        return (None, None);
    }
    let below = Binomial::new(samples, q);
    let tail = (1.0 - confidence) / 2.0;
    let low = below.inverse(tail);
    let high = below.inverse(1.0 - tail) + 1;
    ((low > 0).then_some(low), (high <= samples).then_some(high))
}

/// The confidence of [`minimum_samples`].
const MINIMUM_CONFIDENCE: f64 = 0.99;

/// The fewest samples from which the quantile `q` may be quoted: 662 for p99, 130 for p95.
///
/// The rule of MLPerf LoadGen's early stopping: the fewest for which seeing no more than one
/// sample beyond the quantile would have at most 1 % probability.
pub fn minimum_samples(q: f64) -> u64 {
    let q = q.clamp(0.01, 0.9999);
    let at_most_one = |n: u64| {
        let n = n as f64;
        q.powf(n) + n * (1.0 - q) * q.powf(n - 1.0)
    };
    let mut n = 1;
    while at_most_one(n) > 1.0 - MINIMUM_CONFIDENCE {
        n += 1;
    }
    n
}

/// Interval of a ratio `a / b` of positive quantities from the interval of each.
///
/// The MOVER method on the logarithms (Zou and Donner, "Construction of confidence limits about
/// effect measures", 2008). It takes the two as independent, which for quantities that rise and
/// fall together errs on the wide side.
pub fn ratio_interval(a: f64, of_a: Interval, b: f64, of_b: Interval) -> Option<Interval> {
    let [a, a_low, a_high, b, b_low, b_high] = [a, of_a.low, of_a.high, b, of_b.low, of_b.high].map(f64::ln);
    let difference = a - b;
    let low = difference - (a - a_low).hypot(b_high - b);
    let high = difference + (a_high - a).hypot(b - b_low);
    Interval::finite(low.exp(), high.exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Rng;

    #[test]
    fn minimum_samples_are_those_of_loadgen() {
        let table = [(0.9, 64), (0.95, 130), (0.99, 662), (0.5, 11)];
        for (q, samples) in table {
            assert_eq!(minimum_samples(q), samples, "{q}");
        }
    }

    #[test]
    fn few_samples_have_open_ends() {
        assert_eq!(quantile_ranks(0, 0.5, 0.95), (None, None));
        assert_eq!(quantile_ranks(1, 0.5, 0.95), (None, None));
        assert_eq!(quantile_ranks(10, 0.5, 0.95), (Some(2), Some(9)));
        assert_eq!(quantile_ranks(100, 0.99, 0.95).1, None);
        assert!(quantile_ranks(662, 0.99, 0.95).1.is_some());
    }

    #[test]
    fn intervals_cover_the_quantile() {
        let mut rng = Rng::seeded(11);
        for (samples, q) in [(40, 0.5), (200, 0.9), (700, 0.99)] {
            let (low, high) = quantile_ranks(samples, q, 0.95);
            let covered = (0..2000).filter(|_| {
                let mut drawn: Vec<f64> = (0..samples).map(|_| rng.unit()).collect();
                drawn.sort_by(f64::total_cmp);
                let at = |rank: Option<u64>, open| rank.map_or(open, |rank| drawn[rank as usize - 1]);
                (at(low, 0.0)..=at(high, 1.0)).contains(&q)
            });
            let share = covered.count() as f64 / 2000.0;
            assert!((0.94..0.995).contains(&share), "{samples} {q}: {share}");
        }
    }

    #[test]
    fn ratios_keep_their_ends_apart() {
        let interval = Interval { low: 1.0, high: 4.0 };
        let ratio = ratio_interval(2.0, interval, 2.0, interval).unwrap();
        assert!((ratio.low * ratio.high - 1.0).abs() < 1e-12 && ratio.low < 0.5);
        assert_eq!(ratio_interval(0.0, interval, 1.0, interval), None);
    }
}
