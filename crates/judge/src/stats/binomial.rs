//! The binomial distribution, tabulated.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_exact() {
        let coins = Binomial::new(4, 0.5);
        let expected = [1.0, 5.0, 11.0, 15.0, 16.0].map(|count| count / 16.0);
        for (k, probability) in expected.into_iter().enumerate() {
            assert!((coins.at_most(k as u64) - probability).abs() < 1e-12);
        }
        assert_eq!((coins.inverse(0.0), coins.inverse(0.5), coins.inverse(0.999)), (0, 2, 4));
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
