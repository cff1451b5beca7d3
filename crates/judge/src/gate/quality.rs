//! The quality gate: paired non-inferiority by the metric that is judged.

use gatecheck_base::text::thousands;

use super::{
    outcome::{GateResult, broken},
    verdict::Verdict,
};
use crate::{
    analysis::{Analysis, ArmSummary, Comparison, MetricDrop},
    record::Policy,
    stats::proportion::{Outcomes, examples_to_settle},
};

/// Judges the drop of the judged metric of `arm`.
pub(super) fn quality(analysis: &Analysis, arm: &ArmSummary, policy: &Policy) -> GateResult {
    let result = GateResult::quality(analysis.metric, arm).limit(policy.max_accuracy_drop);
    let comparison = analysis.comparison(&arm.name);
    let Some((comparison, drop)) = comparison.and_then(|one| Some((one, one.drop(analysis.metric)?))) else {
        let reason = broken(analysis, arm);
        let reason = reason.unwrap_or_else(|| "the metric has no value on these examples".to_owned());
        return result.verdict(Verdict::Error, reason);
    };
    let result = result.measured(drop.value, drop.low, drop.high);
    if let Some(reason) = broken(analysis, arm).or_else(|| unfit(analysis, policy)) {
        return result.verdict(Verdict::Error, reason);
    }
    if let Some((verdict, reason)) = incomplete(analysis, comparison) {
        return result.verdict(verdict, reason);
    }
    let (verdict, reason) = judge(analysis, drop, policy.max_accuracy_drop);
    result.verdict(verdict, reason)
}

/// Why these examples cannot tell the quality of any arm.
fn unfit(analysis: &Analysis, policy: &Policy) -> Option<String> {
    let share = analysis.truncated_share;
    if analysis.unknown_gold > 0 {
        return Some(format!("{} gold labels are unknown to the model", thousands(analysis.unknown_gold)));
    }
    // Not `>`: a limit that is no number must not let anything through.
    let fits = share <= policy.max_truncated_share;
    (!fits).then(|| {
        let (share, limit) = (share * 100.0, policy.max_truncated_share * 100.0);
        format!("{share:.1} % of the examples were truncated, more than the {limit:.1} % allowed")
    })
}

/// A part of the examples is no random sample of them: batches go by length.
fn incomplete(analysis: &Analysis, comparison: &Comparison) -> Option<(Verdict, String)> {
    let missing = comparison.examples < analysis.examples;
    missing.then(|| {
        let (measured, all) = (thousands(comparison.examples), thousands(analysis.examples));
        let reason = format!("only {measured} of {all} examples were measured in both arms");
        let verdict = if analysis.interrupted { Verdict::Inconclusive } else { Verdict::Error };
        (verdict, reason)
    })
}

fn judge(analysis: &Analysis, drop: &MetricDrop, limit: f64) -> (Verdict, String) {
    let (Some(low), Some(high)) = (drop.low, drop.high) else {
        let reason =
            format!("{} examples are too few, or too much alike, for an interval", thousands(drop.n));
        return (Verdict::Inconclusive, reason);
    };
    let confidence = analysis.confidence * 100.0;
    if high <= limit {
        (Verdict::Pass, format!("the drop is at most {high:.4} ({confidence} % interval), limit {limit}"))
    } else if low > limit {
        (Verdict::Fail, format!("the drop is at least {low:.4} ({confidence} % interval), limit {limit}"))
    } else {
        let more = match examples_missing(analysis, drop, limit) {
            Some(more) => format!("about {} more examples like these would settle it", thousands(more)),
            None => "the drop is so near the limit that more examples would not settle it".to_owned(),
        };
        (Verdict::Inconclusive, format!("the interval [{low:.4}, {high:.4}] holds the limit {limit}; {more}"))
    }
}

/// How many more examples would settle it, if they turned out like those seen.
fn examples_missing(analysis: &Analysis, drop: &MetricDrop, limit: f64) -> Option<u64> {
    if let (Some(lost), Some(gained)) = (drop.lost, drop.gained) {
        let outcomes = Outcomes { examples: drop.n as f64, lost: lost as f64, gained: gained as f64 };
        // The judged interval may be a little wider than the one this solves for.
        return examples_to_settle(&outcomes, limit, analysis.confidence).map(|more| more.max(1));
    }
    // The width of an interval falls with the square root of the examples.
    let reach = if drop.value <= limit { drop.high? - drop.value } else { drop.value - drop.low? };
    let needed = drop.n as f64 * (reach / (limit - drop.value)).powi(2);
    (needed < 1e8).then(|| (needed - drop.n as f64).ceil().max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::analyse;
    use crate::gate::Gate;
    use crate::{fixture, record::RunRecord, task::Metric};

    fn judged(record: &RunRecord) -> GateResult {
        let analysis = analyse(record);
        let arm = analysis.candidates().next().unwrap();
        quality(&analysis, arm, &record.policy)
    }

    #[test]
    fn the_interval_is_judged() {
        let mut record = fixture::record();
        let result = judged(&record);
        assert_eq!((result.verdict, result.measured, result.limit), (Verdict::Pass, Some(0.0), Some(0.015)));
        assert_eq!(result.reason, "the drop is at most 0.0078 (95 % interval), limit 0.015");
        record.policy.max_accuracy_drop = -0.02;
        assert_eq!(judged(&record).verdict, Verdict::Fail);
        record.policy.max_accuracy_drop = f64::NAN;
        assert_eq!((judged(&record).verdict, judged(&record).limit), (Verdict::Inconclusive, None));
    }

    #[test]
    fn few_examples_are_inconclusive_and_say_how_many_are_missing() {
        let result = judged(&fixture::shortened(fixture::record(), 5));
        assert_eq!(result.verdict, Verdict::Inconclusive);
        assert!(
            result.reason.ends_with("about 248 more examples like these would settle it"),
            "{}",
            result.reason
        );
        let result = judged(&fixture::shortened(fixture::similarity(), 60));
        assert_eq!(result.verdict, Verdict::Inconclusive, "{}", result.reason);
        assert!(result.reason.contains("more examples"), "{}", result.reason);
    }

    #[test]
    fn similarity_is_judged_by_its_correlation() {
        let result = judged(&fixture::similarity());
        assert_eq!(result.verdict, Verdict::Pass, "{}", result.reason);
        assert_eq!((result.gate, result.name.as_str()), (Gate::Quality, "spearman"));
    }

    #[test]
    fn examples_may_be_too_much_alike() {
        // The second is so large that groups are compared, most of which are constant.
        for (times, count) in [(1, "600"), (40, "24,000")] {
            let mut record = fixture::similarity();
            record.dataset.rows *= times as u64;
            record.gold = vec![1.0; fixture::EXAMPLES * times];
            record.gold[0] = 2.0;
            for arm in &mut record.arms {
                arm.outputs = arm.outputs.repeat(times);
                arm.measured = arm.measured.repeat(times);
            }
            let result = judged(&record);
            assert_eq!(result.verdict, Verdict::Inconclusive);
            let expected = format!("{count} examples are too few, or too much alike, for an interval");
            assert_eq!(result.reason, expected);
        }
    }

    #[test]
    fn the_first_metric_is_judged() {
        let mut record = fixture::record();
        for id in [Metric::MacroF1, Metric::Mcc] {
            record.dataset.metrics = vec![id, Metric::Accuracy];
            let result = judged(&record);
            assert_eq!((result.name.as_str(), result.verdict), (id.id(), Verdict::Pass), "{}", result.reason);
            assert_ne!(result.measured, Some(0.0), "that is the drop of accuracy");
        }
        let mut similarity = fixture::similarity();
        similarity.dataset.metrics = vec![Metric::Pearson];
        assert_eq!(judged(&similarity).name, "pearson");
    }

    #[test]
    fn missing_examples_are_those_that_narrow_the_interval_to_the_limit() {
        let analysis = analyse(&fixture::similarity());
        let missing = |value, low, high, limit| {
            let drop = MetricDrop {
                id: Metric::Spearman,
                value,
                low: Some(low),
                high: Some(high),
                n: 100,
                lost: None,
                gained: None,
                method: String::new(),
            };
            examples_missing(&analysis, &drop, limit)
        };
        // 100 · (0.25 / 0.125)² = 400, on either side of the limit.
        assert_eq!(missing(0.125, 0.0, 0.375, 0.25), Some(300));
        assert_eq!(missing(0.375, 0.125, 0.5, 0.25), Some(300));
        assert_eq!(missing(0.25, 0.125, 0.375, 0.25), None);
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        let mut truncated = fixture::record();
        truncated.dataset.truncated = 100;
        let mut unknown = fixture::record();
        unknown.gold[0] = 3.0;
        let mut partial = fixture::record();
        partial.arms[2].measured[0] = false;
        let records = [fixture::killed(0), fixture::killed(2), fixture::empty(), truncated, unknown, partial];
        let words = [
            "`candle` failed",
            "`mlx-q8` failed",
            "no value",
            "16.7 % of the examples were truncated, more than the 5.0 % allowed",
            "1 gold labels are unknown to the model",
            "only 599 of 600 examples were measured in both arms",
        ];
        for (record, words) in records.iter().zip(words) {
            let result = judged(record);
            assert_eq!(result.verdict, Verdict::Error);
            assert!(result.reason.contains(words), "{}", result.reason);
        }
    }

    #[test]
    fn an_interrupted_part_is_inconclusive() {
        let mut record = fixture::record();
        record.interrupted = true;
        record.arms[2].measured[300..].fill(false);
        assert_eq!(judged(&record).verdict, Verdict::Inconclusive);
    }
}
