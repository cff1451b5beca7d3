//! The speed gate: the interval of the paired ratio against the smallest speedup wanted.

use gatecheck_base::text::thousands;

use super::{
    outcome::{Gate, GateResult, broken},
    verdict::Verdict,
};
use crate::{
    analysis::{Analysis, ArmSummary, MetricRatio},
    record::{Policy, SpeedOn},
    task::Metric,
};

/// Judges the speedup of `arm`. The ratio is shown even when it is not judged.
pub(super) fn speed(analysis: &Analysis, arm: &ArmSummary, policy: &Policy) -> GateResult {
    let result = GateResult::new(Gate::Speed, "speed", arm).limit(policy.min_speedup);
    let Some(speedup) = analysis.comparison(&arm.name).and_then(|comparison| comparison.ratio(Metric::Qpm))
    else {
        let reason = broken(analysis, arm);
        let reason = reason.unwrap_or_else(|| "no block of work was measured in both arms".to_owned());
        return result.verdict(Verdict::Error, reason);
    };
    let result = result.measured(speedup.value, speedup.low, speedup.high);
    if let Some(reason) = broken(analysis, arm) {
        return result.verdict(Verdict::Error, reason);
    }
    if let Some(reason) = unsupported(analysis, arm, speedup, policy) {
        return result.verdict(Verdict::NotJudged, reason);
    }
    let (verdict, reason) = judge(analysis, speedup, policy.min_speedup);
    result.verdict(verdict, reason)
}

/// Why the environment cannot support a verdict.
fn unsupported(
    analysis: &Analysis,
    arm: &ArmSummary,
    speedup: &MetricRatio,
    policy: &Policy,
) -> Option<String> {
    if policy.speed_on == SpeedOn::Any {
        return None;
    }
    if arm.used_cpu() {
        return Some(format!("`{}` ran on the CPU, which says nothing of an accelerator", arm.name));
    }
    if analysis.virtualised == Some(true) {
        return Some("the machine is virtual".to_owned());
    }
    // A limit of 1 or less asks for no difference that noise could hide.
    let margin = policy.min_speedup - 1.0;
    let noise = speedup.noise.filter(|noise| margin > 0.0 && *noise > margin)?;
    let (noise, margin) = (noise * 100.0, margin * 100.0);
    Some(format!(
        "two equal arms could differ by {noise:.1} % in this run, more than the margin of {margin:.1} %"
    ))
}

fn judge(analysis: &Analysis, speedup: &MetricRatio, limit: f64) -> (Verdict, String) {
    let (Some(low), Some(high)) = (speedup.low, speedup.high) else {
        let blocks = speedup.n;
        return (
            Verdict::Inconclusive,
            format!("{blocks} blocks are too few for an interval, three are needed"),
        );
    };
    let confidence = analysis.confidence * 100.0;
    if low >= limit {
        (Verdict::Pass, format!("the speedup is at least {low:.2} ({confidence} % interval), limit {limit}"))
    } else if high < limit {
        (Verdict::Fail, format!("the speedup is at most {high:.2} ({confidence} % interval), limit {limit}"))
    } else {
        let more = match blocks_missing(speedup, low, high, limit) {
            Some(more) => format!("about {} more blocks like these would settle it", thousands(more)),
            None => "the speedup is so near the limit that more blocks would not settle it".to_owned(),
        };
        (Verdict::Inconclusive, format!("the interval [{low:.2}, {high:.2}] holds the limit {limit}; {more}"))
    }
}

/// The width of an interval of logarithms falls with the square root of the blocks.
fn blocks_missing(speedup: &MetricRatio, low: f64, high: f64, limit: f64) -> Option<u64> {
    let reach = if speedup.value >= limit { speedup.value / low } else { high / speedup.value };
    let distance = (speedup.value / limit).ln();
    let needed = speedup.n as f64 * (reach.ln() / distance).powi(2);
    (needed < 1e6).then(|| (needed - speedup.n as f64).ceil().max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::analyse;
    use crate::{
        fixture,
        record::{RunRecord, Session},
    };

    fn judged(record: &RunRecord) -> GateResult {
        let analysis = analyse(record);
        let arm = analysis.candidates().next().unwrap();
        speed(&analysis, arm, &record.policy)
    }

    fn with_limit(limit: f64) -> RunRecord {
        let mut record = fixture::record();
        record.policy.min_speedup = limit;
        record
    }

    #[test]
    fn the_interval_is_judged() {
        assert_eq!(judged(&with_limit(1.2)).verdict, Verdict::Pass);
        assert_eq!(judged(&with_limit(5.0)).verdict, Verdict::Fail);
        let ratio = judged(&with_limit(1.2)).measured.unwrap();
        let near = judged(&with_limit(ratio + 1e-3));
        assert_eq!(near.verdict, Verdict::Inconclusive);
        assert!(near.reason.contains("more blocks like these"), "{}", near.reason);
        assert_eq!(judged(&with_limit(ratio)).verdict, Verdict::Inconclusive);
        assert_eq!(judged(&with_limit(f64::NAN)).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn only_a_fit_environment_supports_a_verdict() {
        let mut on_cpu = fixture::record();
        on_cpu.arms[2].sessions[0].device = "CPU".to_owned();
        let mut in_vm = fixture::record();
        in_vm.arms[2].sessions[0].environment.virtualised = Some(true);
        let mut in_part_on_cpu = fixture::record();
        let second = Session { device: "cpu".to_owned(), ..in_part_on_cpu.arms[2].sessions[0].clone() };
        in_part_on_cpu.arms[2].sessions.push(second);
        let noisy = with_limit(1.000_001);
        let on_cpus = [(on_cpu, "CPU"), (in_part_on_cpu, "CPU")];
        for (mut record, words) in on_cpus.into_iter().chain([(in_vm, "virtual"), (noisy, "two equal arms")])
        {
            let result = judged(&record);
            assert_eq!(result.verdict, Verdict::NotJudged);
            assert!(result.reason.contains(words) && result.measured.is_some(), "{}", result.reason);
            record.policy.speed_on = SpeedOn::Any;
            assert_eq!(judged(&record).verdict, Verdict::Pass);
        }
    }

    #[test]
    fn a_limit_of_one_is_not_noise() {
        assert_eq!(judged(&with_limit(1.0)).verdict, Verdict::Pass);
        assert_eq!(judged(&with_limit(0.8)).verdict, Verdict::Pass);
    }

    /// Of 30 blocks.
    fn ratio(value: f64) -> MetricRatio {
        MetricRatio { id: Metric::Qpm, value, low: None, high: None, n: 30, spread: None, noise: None }
    }

    #[test]
    fn noise_is_told_in_percent() {
        let analysis = analyse(&fixture::record());
        let arm = analysis.candidates().next().unwrap();
        let policy = Policy { min_speedup: 1.2, ..fixture::record().policy };
        let speedup = |noise| MetricRatio { noise: Some(noise), ..ratio(4.0) };
        assert_eq!(unsupported(&analysis, arm, &speedup(0.19), &policy), None);
        assert_eq!(
            unsupported(&analysis, arm, &speedup(0.25), &policy).unwrap(),
            "two equal arms could differ by 25.0 % in this run, more than the margin of 20.0 %"
        );
    }

    #[test]
    fn missing_blocks_are_those_that_narrow_the_interval_to_the_limit() {
        let missing = |value, low, high, limit| blocks_missing(&ratio(value), low, high, limit);
        // 30 · (ln(1.3 / 1.1) / ln(1.3 / 1.2))² = 130.7, and 30 · (ln(1.3 / 1.1) / ln(1.1 / 1.2))² = 110.6.
        assert_eq!(missing(1.3, 1.1, 1.5, 1.2), Some(101));
        assert_eq!(missing(1.1, 1.0, 1.3, 1.2), Some(81));
        assert_eq!(missing(1.3, 1.29, 1.31, 1.2), Some(1), "settled already");
        assert_eq!(missing(1.3, 1.1, 1.5, 1.3 - 1e-6), None);
        assert_eq!(missing(1.2, 1.1, 1.3, 1.2), None);
    }

    #[test]
    fn few_blocks_are_inconclusive_and_none_an_error() {
        let mut record = fixture::record();
        record.arms[2].throughput.truncate(4);
        assert_eq!(judged(&record).verdict, Verdict::Inconclusive);
        record.arms[2].throughput.clear();
        assert_eq!(judged(&record).verdict, Verdict::Error);
        assert_eq!(judged(&fixture::killed(0)).verdict, Verdict::Error);
    }

    #[test]
    fn equal_arms_are_not_faster() {
        let mut record = fixture::two_arms();
        record.arms[1].throughput = record.arms[0].throughput.clone();
        let result = judged(&record);
        assert_eq!((result.verdict, result.measured), (Verdict::Fail, Some(1.0)));
    }
}
