//! Latency percentiles with intervals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use crate::{
    histogram::Durations,
    record::Call,
    stats::{Interval, order},
};

/// The percentiles reported.
const PERCENTILES: [f64; 3] = [50.0, 95.0, 99.0];

/// Time from question to answer, one query at a time, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Queries timed.
    pub n: u64,
    /// Mean.
    pub mean: f64,
    /// Longest.
    pub max: f64,
    /// Median.
    pub p50: f64,
    /// 95 % of the queries took no longer.
    pub p95: f64,
    /// 99 % of the queries took no longer.
    pub p99: f64,
    /// The same percentiles with intervals, and whether the samples suffice to quote them.
    pub percentiles: Vec<Percentile>,
}

/// One percentile, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentile {
    /// Which, such as 99.
    pub percentile: f64,
    /// The sample of this rank, from a histogram of three significant digits.
    pub value: f64,
    /// Lower end of its interval, an order statistic; `null` with too few samples.
    pub low: Option<f64>,
    /// Upper end of its interval, an order statistic; `null` with too few samples.
    pub high: Option<f64>,
    /// Samples that it takes to quote it: the early-stopping rule of MLPerf LoadGen.
    pub samples_needed: u64,
    /// Whether there are as many.
    pub enough: bool,
}

/// Milliseconds of nanoseconds.
fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// Summarises the latency phase. `None` when it has no calls.
pub(super) fn latency(calls: &[Call], confidence: f64) -> Option<Latency> {
    let durations = Durations::from_ns(calls.iter().map(|call| call.ns))?;
    let total: u128 = calls.iter().map(|call| u128::from(call.ns)).sum();
    let percentiles = PERCENTILES.map(|percentile| quote(&durations, percentile, confidence));
    let [p50, p95, p99] = percentiles.map(|percentile| percentile.value);
    Some(Latency {
        n: durations.count(),
        mean: total as f64 / calls.len() as f64 / 1e6,
        max: milliseconds(durations.longest()),
        p50,
        p95,
        p99,
        percentiles: percentiles.to_vec(),
    })
}

fn quote(durations: &Durations, percentile: f64, confidence: f64) -> Percentile {
    let q = percentile / 100.0;
    let (low, high) = order::quantile_ranks(durations.count(), q, confidence);
    let at = |rank| milliseconds(durations.at_rank(rank));
    let samples_needed = order::minimum_samples(q);
    Percentile {
        percentile,
        value: milliseconds(durations.quantile(q)),
        low: low.map(at),
        high: high.map(at),
        samples_needed,
        enough: durations.count() >= samples_needed,
    }
}

/// How many times shorter the candidate's median is, from the intervals of both medians.
pub(super) fn median_speedup(baseline: &Latency, candidate: &Latency) -> Option<Estimate> {
    let median = |latency: &Latency| {
        let first = latency.percentiles.first()?;
        Some((first.value, Interval::finite(first.low?, first.high?)?))
    };
    let interval =
        median(baseline).zip(median(candidate)).and_then(|((before, of_before), (after, of_after))| {
            order::ratio_interval(before, of_before, after, of_after)
        });
    Estimate::new(baseline.p50 / candidate.p50, interval, baseline.n.min(candidate.n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn percentiles_are_those_of_the_calls() {
        let record = fixture::record();
        let latency = latency(&record.arms[0].latency, 0.95).unwrap();
        // 10.0 to 29.9 ms in steps of 0.1: the hundredth is 19.9.
        let near = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 1e-3, "{value}");
        near(latency.p50, 19.9);
        near(latency.p95, 28.9);
        near(latency.p99, 29.7);
        near(latency.mean, 19.95);
        near(latency.max, 29.9);
        let flags: Vec<_> = latency.percentiles.iter().map(|percentile| percentile.enough).collect();
        assert_eq!(flags, [true, true, false]);
        assert_eq!((latency.percentiles[2].high, latency.percentiles[2].samples_needed), (None, 662));
    }

    #[test]
    fn medians_compare() {
        let record = fixture::record();
        let [before, after] = [0, 2].map(|arm: usize| latency(&record.arms[arm].latency, 0.95).unwrap());
        let speedup = median_speedup(&before, &after).unwrap();
        assert!((speedup.value - 4.0).abs() < 0.01 && speedup.low.unwrap() > 3.0, "{speedup:?}");
    }

    #[test]
    fn few_calls_are_no_trouble() {
        assert_eq!(latency(&[], 0.95), None);
        let call = Call { block: 0, item: 0, examples: 1, tokens: 1, ns: 0, session: 0 };
        let one = latency(&[call], 0.95).unwrap();
        assert_eq!((one.n, one.p99, one.percentiles[0].low), (1, 0.0, None));
        assert_eq!(median_speedup(&one, &one), None, "no ratio of nothing to nothing");
    }
}
