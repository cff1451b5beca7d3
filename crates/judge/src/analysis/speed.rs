//! Throughput: per arm, and as a ratio over paired blocks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::ends;
use crate::{
    record::Call,
    stats::{Resampling, paired},
    task::Metric,
};

/// How many times better an arm is than another: above 1 it is better, whichever way the metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricRatio {
    /// Which metric; of `qpm` it is the speedup: summed time of the other / summed time of the arm.
    pub id: Metric,
    /// The ratio.
    pub value: f64,
    /// Lower end of its interval; `null` when none is given, as from fewer than three blocks.
    pub low: Option<f64>,
    /// Upper end of its interval; `null` when none is given, as from fewer than three blocks.
    pub high: Option<f64>,
    /// Units it rests on: of a speedup paired blocks.
    pub n: u64,
    /// Of a speedup: standard deviation of the logarithm of the blocks' own ratios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// Of a speedup: the relative difference that two equal arms could show by chance in such a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
}

/// One arm's share of a block.
#[derive(Default)]
struct Block {
    /// `(item, examples)` of its calls.
    work: Vec<(u32, u32)>,
    ns: f64,
}

fn blocks(calls: &[Call]) -> BTreeMap<u32, Block> {
    let mut blocks = BTreeMap::<u32, Block>::new();
    for call in calls {
        let block = blocks.entry(call.block).or_default();
        block.work.push((call.item, call.examples));
        block.ns += call.ns as f64;
    }
    blocks.values_mut().for_each(|block| block.work.sort_unstable());
    blocks
}

/// Compares the throughput phases over the blocks in which both arms did the same work; a block
/// that one of them did not finish is left out. `None` without such blocks.
pub(super) fn speedup(baseline: &[Call], candidate: &[Call], resampling: &Resampling) -> Option<MetricRatio> {
    let candidate = blocks(candidate);
    let pairs: Vec<(f64, f64)> = blocks(baseline)
        .iter()
        .filter_map(|(number, before)| {
            let after = candidate.get(number).filter(|after| after.work == before.work)?;
            Some((before.ns, after.ns))
        })
        .collect();
    let paired::Ratio { value, interval, blocks, spread, noise } = paired::ratio_of_sums(&pairs, resampling)?;
    let (low, high) = ends(interval);
    Some(MetricRatio { id: Metric::Qpm, value, low, high, n: blocks, spread, noise })
}

/// Counts per second of the time spent in calls. `None` when no time was spent.
pub(super) fn per_second(calls: &[Call], count: impl Fn(&Call) -> u32) -> Option<f64> {
    let total: u64 = calls.iter().map(|call| u64::from(count(call))).sum();
    let seconds = calls.iter().map(|call| call.ns as f64).sum::<f64>() / 1e9;
    (seconds > 0.0).then(|| total as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn resampling() -> Resampling {
        Resampling::new(0.95, 1000, 1)
    }

    #[test]
    fn the_same_work_is_compared() {
        let record = fixture::record();
        let speedup = speedup(&record.arms[0].throughput, &record.arms[2].throughput, &resampling()).unwrap();
        assert_eq!(speedup.n, 20);
        assert!((speedup.value - 4.0).abs() < 0.05, "{speedup:?}");
        assert!(speedup.low.unwrap() > 3.9 && speedup.high.unwrap() < 4.1 && speedup.noise.unwrap() < 0.02);
    }

    #[test]
    fn unfinished_blocks_are_left_out() {
        let record = fixture::record();
        let (before, after) = (&record.arms[0].throughput, &record.arms[2].throughput);
        assert_eq!(speedup(before, &after[..7], &resampling()).unwrap().n, 3);
        assert_eq!(speedup(before, &after[..1], &resampling()), None);
        assert_eq!(speedup(&[], &[], &resampling()), None);
    }

    #[test]
    fn rates_need_time() {
        let calls = [(30, 500_000_000), (15, 250_000_000)].map(|(examples, ns)| Call {
            block: 0,
            item: 0,
            examples,
            tokens: 7,
            ns,
            session: 0,
        });
        assert_eq!(per_second(&calls, |call| call.examples), Some(60.0));
        assert_eq!(per_second(&[], |call| call.examples), None);
        let still = [Call { block: 0, item: 0, examples: 1, tokens: 1, ns: 0, session: 0 }];
        assert_eq!(per_second(&still, |call| call.examples), None);
        assert_eq!(speedup(&still, &still, &resampling()), None);
    }
}
