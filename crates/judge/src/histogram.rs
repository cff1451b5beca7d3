//! Durations in an HDR histogram: three significant digits from nanoseconds to hours.

use hdrhistogram::Histogram;

/// Digits kept of every duration; quantiles are at most 0.1 % above the true sample.
const SIGNIFICANT_DIGITS: u8 = 3;

/// The durations of one phase.
#[derive(Debug, Clone)]
pub struct Durations {
    histogram: Histogram<u64>,
}

impl Durations {
    /// Counts durations in nanoseconds. `None` when there are none.
    pub fn from_ns(durations: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut histogram = Histogram::new(SIGNIFICANT_DIGITS).ok()?;
        for duration in durations {
            histogram.record(duration).ok()?;
        }
        (!histogram.is_empty()).then_some(Self { histogram })
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The duration of the given rank, counted from 1, in nanoseconds.
    pub fn at_rank(&self, rank: u64) -> u64 {
        // Half a rank short of it, so that no rounding of the division reaches the next.
        let rank = rank.clamp(1, self.count()) as f64 - 0.5;
        self.histogram.value_at_quantile(rank / self.count() as f64)
    }

    /// The quantile `q`, by nearest rank: the sample of rank `ceil(q n)`, in nanoseconds.
    pub fn quantile(&self, q: f64) -> u64 {
        // The product of a tabulated q such as 0.95 may land a hair above a whole number.
        self.at_rank((q * self.count() as f64 - 1e-9).ceil().max(1.0) as u64)
    }

    /// The longest, in nanoseconds.
    pub fn longest(&self) -> u64 {
        self.histogram.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_quantiles_agree() {
        let durations = Durations::from_ns((1..=1000).rev()).unwrap();
        assert_eq!((durations.count(), durations.longest()), (1000, 1000));
        for rank in 1..=1000 {
            assert_eq!(durations.at_rank(rank), rank);
        }
        let quantiles = [0.0, 0.5, 0.95, 0.99, 1.0].map(|q| durations.quantile(q));
        assert_eq!(quantiles, [1, 500, 950, 990, 1000]);
    }

    #[test]
    fn three_digits_are_kept() {
        let durations = Durations::from_ns([123_456_789, 0, 7_200_000_000_000]).unwrap();
        let relative = durations.at_rank(2) as f64 / 123_456_789.0 - 1.0;
        assert!((0.0..0.001).contains(&relative), "{relative}");
        assert_eq!(durations.at_rank(1), 0);
        assert!(durations.at_rank(3) >= 7_200_000_000_000);
    }

    #[test]
    fn extremes_do_not_panic() {
        assert!(Durations::from_ns([]).is_none());
        let one = Durations::from_ns([5]).unwrap();
        assert_eq!((one.quantile(0.5), one.quantile(0.99), one.at_rank(9)), (5, 5, 5));
        let _ = Durations::from_ns([u64::MAX]);
    }
}
