//! Values of metrics with their intervals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{stats::Interval, task::Metric};

/// A metric of an arm: the number, the interval around it, and how many units it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricValue {
    /// Which metric.
    pub id: Metric,
    /// Position in `dataset.labels.names`, for a metric that each class has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u32>,
    /// The point estimate.
    pub value: f64,
    /// Lower end; `null` when none is given.
    pub low: Option<f64>,
    /// Upper end; `null` when none is given.
    pub high: Option<f64>,
    /// Units it rests on: examples, queries, calls or samples.
    pub n: u64,
    /// Units that it takes to quote it: of a percentile, by the early-stopping rule of MLPerf LoadGen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u64>,
}

impl MetricValue {
    /// `None` unless the value is a finite number.
    pub(super) fn new(id: Metric, value: f64, interval: Option<Interval>, n: u64) -> Option<Self> {
        let (low, high) = ends(interval);
        value.is_finite().then_some(Self { id, class: None, value, low, high, n, needed: None })
    }

    /// Whether the units suffice to quote it.
    pub fn is_quotable(&self) -> bool {
        self.needed.is_none_or(|needed| self.n >= needed)
    }

    /// Both ends, where both are given.
    pub fn interval(&self) -> Option<Interval> {
        Interval::finite(self.low?, self.high?)
    }
}

/// The value of a metric that an arm has one of.
pub(super) fn value_of(values: &[MetricValue], id: Metric) -> Option<&MetricValue> {
    values.iter().find(|value| value.id == id && value.class.is_none())
}

/// Both ends of an interval, if there is one.
pub(super) fn ends(interval: Option<Interval>) -> (Option<f64>, Option<f64>) {
    (interval.map(|interval| interval.low), interval.map(|interval| interval.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers() {
        assert_eq!(MetricValue::new(Metric::Mcc, f64::NAN, None, 3), None);
        let value = MetricValue::new(Metric::Mcc, 1.0, Interval::finite(0.5, 2.0), 3).unwrap();
        assert_eq!((value.low, value.high, value.is_quotable()), (Some(0.5), Some(2.0), true));
        assert!(!MetricValue { needed: Some(4), ..value }.is_quotable());
    }
}
