//! The size gate: the artefact against its target.

use super::{
    outcome::{Gate, GateResult, failed},
    verdict::Verdict,
};
use crate::{analysis::ArmSummary, record::Policy, task::Metric};

/// Judges the size of `arm` against the target of the policy, or else against the size computed
/// from its conversion recipe.
pub(super) fn size(arm: &ArmSummary, policy: &Policy) -> GateResult {
    let target = policy.target_size_mb.map(|target| (target, "target")).or_else(|| {
        let computed = arm.expected_size_mb?;
        Some((computed, "size computed from the recipe"))
    });
    let mut result = GateResult::new(Gate::Size, "size", arm);
    if let Some((target, _)) = target {
        result = result.limit(target);
    }
    let size = arm.metric(Metric::SizeMb).map(|size| size.value);
    if let Some(size) = size {
        result = result.measured(size, None, None);
    }
    let (verdict, reason) = judge(arm, size, target, policy.size_tolerance);
    result.verdict(verdict, reason)
}

fn judge(
    arm: &ArmSummary,
    size: Option<f64>,
    target: Option<(f64, &str)>,
    tolerance: f64,
) -> (Verdict, String) {
    if let Some(reason) = failed(arm) {
        return (Verdict::Error, reason);
    }
    let Some(size) = size else {
        return (Verdict::Error, "the size on disk is not known".to_owned());
    };
    let Some((target, what)) = target else {
        return (Verdict::NotJudged, "no target was set, and no recipe tells the size to expect".to_owned());
    };
    let keeps = (size - target).abs() <= tolerance * target;
    let percent = tolerance * 100.0;
    let place = if keeps { "within" } else { "outside" };
    let verdict = if keeps { Verdict::Pass } else { Verdict::Fail };
    (verdict, format!("{size:.1} MB is {place} ± {percent:.0} % of the {what}, {target:.1} MB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::analyse;
    use crate::fixture;

    fn judged(bytes: u64, expected: Option<u64>, target: Option<f64>) -> GateResult {
        let mut record = fixture::record();
        record.arms[2].size_bytes = bytes;
        record.arms[2].expected_size_bytes = expected;
        record.policy.target_size_mb = target;
        size(&analyse(&record).arms[2], &record.policy)
    }

    #[test]
    fn both_ends_of_the_tolerance_count() {
        let table = [(90_000_000, Verdict::Pass), (110_000_000, Verdict::Pass), (100_000_000, Verdict::Pass)]
            .into_iter()
            .chain([(89_999_999, Verdict::Fail), (110_000_001, Verdict::Fail), (0, Verdict::Error)]);
        for (bytes, verdict) in table {
            assert_eq!(judged(bytes, None, Some(100.0)).verdict, verdict, "{bytes}");
            assert_eq!(judged(bytes, Some(100_000_000), None).verdict, verdict, "{bytes}");
        }
    }

    #[test]
    fn a_target_outweighs_the_recipe() {
        let result = judged(50_000_000, Some(50_000_000), Some(100.0));
        assert_eq!((result.verdict, result.limit), (Verdict::Fail, Some(100.0)));
        assert_eq!(result.reason, "50.0 MB is outside ± 10 % of the target, 100.0 MB");
    }

    #[test]
    fn without_a_target_nothing_is_judged() {
        let result = judged(50_000_000, None, None);
        assert_eq!((result.verdict, result.measured, result.limit), (Verdict::NotJudged, Some(50.0), None));
        assert_eq!(judged(1, None, Some(f64::NAN)).verdict, Verdict::Fail);
    }
}
