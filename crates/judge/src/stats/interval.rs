//! Confidence intervals.

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// The interval, unless an end is not a number or infinite.
    pub fn finite(low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite()).then_some(Self { low, high })
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Stretches both sides, seen from `point`, by `factor`.
    pub fn widened(self, point: f64, factor: f64) -> Self {
        Self { low: point - (point - self.low) * factor, high: point + (self.high - point) * factor }
    }

    /// Cuts the interval to what is possible.
    pub fn clamped(self, low: f64, high: f64) -> Self {
        Self { low: self.low.clamp(low, high), high: self.high.clamp(low, high) }
    }

    /// Whether `value` lies within.
    pub fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_and_shrink() {
        let interval = Interval { low: 1.0, high: 4.0 };
        assert_eq!(interval.widened(2.0, 2.0), Interval { low: 0.0, high: 6.0 });
        assert_eq!(interval.hull(Interval { low: 2.0, high: 5.0 }), Interval { low: 1.0, high: 5.0 });
        assert_eq!(interval.clamped(2.0, 3.0), Interval { low: 2.0, high: 3.0 });
        assert!(interval.contains(4.0) && !interval.contains(4.1));
        assert_eq!(Interval::finite(f64::NAN, 1.0), None);
    }
}
