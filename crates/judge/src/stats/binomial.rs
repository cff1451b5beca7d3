//! The binomial distribution: tabulated for many draws of the same trials, and drawn from for trials that change.

use super::rng::Rng;

/// How many of `n` independent trials succeed.
#[derive(Debug, Clone)]
pub struct Binomial {
    first: u64,
    cumulative: Vec<f64>,
}

/// Counts this much less likely than the likeliest are left out of the table.
const NEGLIGIBLE: f64 = 1e-20;

impl Binomial {
    /// Tabulates `n` trials that each succeed with `probability`.
    ///
    /// Weights are computed outwards from the likeliest count, so nothing underflows.
    pub fn new(n: u64, probability: f64) -> Self {
        let p = probability.clamp(0.0, 1.0);
        let mode = (((n + 1) as f64 * p) as u64).min(n);
        let up = |k: u64| (n - k) as f64 / (k + 1) as f64 * (p / (1.0 - p));
        let mut below = weights((1..=mode).rev().map(|k| 1.0 / up(k - 1)));
        let above = weights((mode..n).map(up));
        let first = mode - below.len() as u64;
        below.reverse();
        let all: Vec<f64> = below.into_iter().chain([1.0]).chain(above).collect();
        let total: f64 = all.iter().sum();
        let mut sum = 0.0;
        let cumulative = all.into_iter().map(|weight| {
            sum += weight / total;
            sum
        });
        Self { first, cumulative: cumulative.collect() }
    }

    /// Probability of at most `k` successes.
    pub fn at_most(&self, k: u64) -> f64 {
        let Some(index) = k.checked_sub(self.first) else { return 0.0 };
        self.cumulative.get(index as usize).copied().unwrap_or(1.0)
    }

    /// The smallest count whose cumulative probability exceeds `level`: a draw, when `level` is
    /// uniform in `[0, 1)`.
    pub fn inverse(&self, level: f64) -> u64 {
        let index = self.cumulative.partition_point(|&sum| sum <= level);
        self.first + index.min(self.cumulative.len() - 1) as u64
    }
}

/// Running products of `factors` (starting from 1) as long as they matter.
fn weights(factors: impl Iterator<Item = f64>) -> Vec<f64> {
    let products = factors.scan(1.0, |weight, factor| {
        *weight *= factor;
        Some(*weight)
    });
    products.take_while(|weight| *weight > NEGLIGIBLE).collect()
}

/// Draws how many of `n` independent trials succeed.
///
/// Inversion, walking outwards from the likeliest count: exact, and a few standard deviations long at most.
pub fn draw(n: u64, probability: f64, rng: &mut Rng) -> u64 {
    let p = probability.clamp(0.0, 1.0);
    if n == 0 || p == 0.0 || p == 1.0 {
        return if p == 1.0 { n } else { 0 };
    }
    let odds = p / (1.0 - p);
    let mode = (((n + 1) as f64 * p) as u64).min(n);
    let ways = ln_factorial(n) - ln_factorial(mode) - ln_factorial(n - mode);
    let likeliest = (ways + mode as f64 * p.ln() + (n - mode) as f64 * (-p).ln_1p()).exp();
    let mut left = rng.unit() - likeliest;
    let (mut above, mut below) = ((mode, likeliest), (mode, likeliest));
    while left >= 0.0 && (above.1 > f64::MIN_POSITIVE || below.1 > f64::MIN_POSITIVE) {
        above.1 *= (n - above.0) as f64 / (above.0 + 1) as f64 * odds;
        above.0 = (above.0 + 1).min(n);
        left -= above.1;
        if left < 0.0 {
            return above.0;
        }
        below.1 *= below.0 as f64 / (n - below.0 + 1) as f64 / odds;
        below.0 = below.0.saturating_sub(1);
        left -= below.1;
        if left < 0.0 {
            return below.0;
        }
    }
    // Rounding may leave a last crumb.
    mode
}

/// The logarithm of `n!`; of large numbers by Stirling's series.
fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return ((1..=n).product::<u64>() as f64).ln();
    }
    let x = n as f64;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    x * x.ln() - x + (2.0 * std::f64::consts::PI * x).ln() / 2.0 + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_factorials_are_sums() {
        let mut sum = 0.0;
        for n in 1..200_u64 {
            sum += (n as f64).ln();
            assert!((ln_factorial(n) - sum).abs() < 1e-10, "{n}");
        }
    }

    #[test]
    fn draws_follow_the_distribution() {
        let mut rng = Rng::seeded(21);
        for (n, p) in [(7, 0.3), (40, 0.02), (1000, 0.5), (200_000, 0.999)] {
            let table = Binomial::new(n, p);
            let drawn: Vec<u64> = (0..20_000).map(|_| draw(n, p, &mut rng)).collect();
            for level in [0.05, 0.3, 0.5, 0.9] {
                let k = table.inverse(level);
                let share = drawn.iter().filter(|drawn| **drawn <= k).count() as f64 / 20_000.0;
                // Four standard deviations.
                assert!((share - table.at_most(k)).abs() < 0.0145, "{n} {p} {k}: {share}");
            }
        }
        assert_eq!([draw(0, 0.5, &mut rng), draw(5, 0.0, &mut rng), draw(5, 1.0, &mut rng)], [0, 0, 5]);
    }

    #[test]
    fn probabilities_are_exact() {
        let coins = Binomial::new(4, 0.5);
        let expected = [1.0, 5.0, 11.0, 15.0, 16.0].map(|count| count / 16.0);
        for (k, probability) in expected.into_iter().enumerate() {
            assert!((coins.at_most(k as u64) - probability).abs() < 1e-12);
        }
        assert_eq!((coins.inverse(0.0), coins.inverse(0.5), coins.inverse(0.999)), (0, 2, 4));
        assert_eq!(coins.inverse(1.0), 4, "where rounding leaves a last crumb");
    }

    #[test]
    fn sure_things_are_sure() {
        for (n, p, sure) in [(9, 0.0, 0), (9, 1.0, 9), (0, 0.5, 0), (0, 0.0, 0), (0, 1.0, 0)] {
            let binomial = Binomial::new(n, p);
            assert_eq!((binomial.inverse(0.0), binomial.inverse(0.999_999)), (sure, sure), "{n} {p}");
            assert_eq!(binomial.at_most(sure), 1.0);
        }
    }

    #[test]
    fn large_counts_do_not_underflow() {
        let binomial = Binomial::new(100_000, 0.99);
        assert!((binomial.at_most(99_000) - 0.5).abs() < 0.01);
        assert!(binomial.inverse(0.5).abs_diff(99_000) <= 1);
    }
}
