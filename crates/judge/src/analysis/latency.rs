//! The latency phase: time from question to answer, one query at a time.

use gatecheck_base::text::milliseconds;

use super::value::{MetricValue, value_of};
use crate::{
    histogram::Durations,
    record::Call,
    stats::{Interval, order},
    task::Metric,
};

/// Percentiles, from a histogram of three significant digits with order statistics for ends; mean and longest.
/// Nothing of a phase without calls.
pub(super) fn latency(calls: &[Call], confidence: f64) -> Vec<MetricValue> {
    let Some(durations) = Durations::from_ns(calls.iter().map(|call| call.ns)) else { return Vec::new() };
    let n = durations.count();
    let total: u128 = calls.iter().map(|call| u128::from(call.ns)).sum();
    let mean = total as f64 / calls.len() as f64 / 1e6;
    let plain = |id, value| MetricValue { id, class: None, value, low: None, high: None, n, needed: None };
    let percentiles = [Metric::LatencyP50Ms, Metric::LatencyP95Ms, Metric::LatencyP99Ms];
    let percentiles = percentiles.into_iter().filter_map(|id| {
        let q = id.percentile()? / 100.0;
        let (low, high) = order::quantile_ranks(n, q, confidence);
        let at = |rank| milliseconds(durations.at_rank(rank));
        let needed = Some(order::minimum_samples(q));
        let value = milliseconds(durations.quantile(q));
        Some(MetricValue { low: low.map(at), high: high.map(at), needed, ..plain(id, value) })
    });
    let longest = milliseconds(durations.longest());
    let ends = [plain(Metric::LatencyMeanMs, mean), plain(Metric::LatencyMaxMs, longest)];
    percentiles.chain(ends).collect()
}

/// How many times shorter the candidate's median is, from the intervals of both medians.
pub(super) fn median_speedup(
    baseline: &[MetricValue],
    candidate: &[MetricValue],
) -> Option<(f64, Option<Interval>, u64)> {
    let id = Metric::LatencyP50Ms;
    let (before, after) = (value_of(baseline, id)?, value_of(candidate, id)?);
    let value = before.value / after.value;
    let intervals = before.interval().zip(after.interval());
    let interval = intervals.and_then(|(of_before, of_after)| {
        order::ratio_interval(before.value, of_before, after.value, of_after)
    });
    value.is_finite().then_some((value, interval, before.n.min(after.n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn value(values: &[MetricValue], id: Metric) -> &MetricValue {
        value_of(values, id).unwrap()
    }

    #[test]
    fn percentiles_are_those_of_the_calls() {
        let record = fixture::record();
        let latency = latency(&record.arms[0].latency, 0.95);
        // 10.0 to 29.9 ms in steps of 0.1: the hundredth is 19.9.
        let expected = [
            (Metric::LatencyP50Ms, 19.9, true),
            (Metric::LatencyP95Ms, 28.9, true),
            (Metric::LatencyP99Ms, 29.7, false),
            (Metric::LatencyMeanMs, 19.95, true),
            (Metric::LatencyMaxMs, 29.9, true),
        ];
        for (id, expected, quotable) in expected {
            let found = value(&latency, id);
            assert!((found.value / expected - 1.0).abs() < 1e-3, "{found:?}");
            assert_eq!((found.is_quotable(), found.n), (quotable, 200), "{id:?}");
        }
        let last = value(&latency, Metric::LatencyP99Ms);
        assert_eq!((last.high, last.needed), (None, Some(662)));
    }

    #[test]
    fn medians_compare() {
        let record = fixture::record();
        let [before, after] = [0, 2].map(|arm: usize| latency(&record.arms[arm].latency, 0.95));
        let (value, interval, n) = median_speedup(&before, &after).unwrap();
        assert!((value - 4.0).abs() < 0.01 && interval.unwrap().low > 3.0 && n == 200, "{value}");
    }

    #[test]
    fn few_calls_are_no_trouble() {
        assert_eq!(latency(&[], 0.95), []);
        let call = Call { block: 0, item: 0, examples: 1, tokens: 1, ns: 0, session: 0 };
        let one = latency(&[call], 0.95);
        let median = value(&one, Metric::LatencyP50Ms);
        assert_eq!((median.n, median.value, median.low), (1, 0.0, None));
        assert_eq!(median_speedup(&one, &one), None, "no ratio of nothing to nothing");
    }
}
