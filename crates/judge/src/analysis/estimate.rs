//! Point estimates with their intervals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stats::Interval;

/// A number, the interval around it, and how many units it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// Lower end; `null` when the units are too few to give one.
    pub low: Option<f64>,
    /// Upper end; `null` when the units are too few to give one.
    pub high: Option<f64>,
    /// Units it rests on.
    pub n: u64,
}

impl Estimate {
    /// `None` unless the value is a finite number.
    pub fn new(value: f64, interval: Option<Interval>, n: u64) -> Option<Self> {
        let (low, high) = ends(interval);
        value.is_finite().then_some(Self { value, low, high, n })
    }
}

/// Both ends of an interval, if there is one.
pub(super) fn ends(interval: Option<Interval>) -> (Option<f64>, Option<f64>) {
    (interval.map(|interval| interval.low), interval.map(|interval| interval.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_numbers() {
        assert_eq!(Estimate::new(f64::NAN, None, 3), None);
        let estimate = Estimate::new(1.0, Interval::finite(0.5, 2.0), 3).unwrap();
        assert_eq!((estimate.low, estimate.high), (Some(0.5), Some(2.0)));
    }
}
