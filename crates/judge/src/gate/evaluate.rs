//! All gates of a run, and its verdict.

use super::{exit_code, outcome::GateResult, quality::quality, size::size, speed::speed, verdict::Verdict};
use crate::{analysis::Analysis, record::Policy};

/// The verdicts of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Three gates for every candidate arm.
    pub gates: Vec<GateResult>,
    /// The verdict of the run.
    pub verdict: Verdict,
    /// The exit code that goes with it.
    pub exit_code: u8,
}

/// Judges every candidate arm by `policy`, which may differ from the one that was in force when
/// the record was made.
pub fn evaluate(analysis: &Analysis, policy: &Policy) -> Judgement {
    let gates: Vec<GateResult> = analysis
        .candidates()
        .flat_map(|arm| [quality(analysis, arm, policy), speed(analysis, arm, policy), size(arm, policy)])
        .map(|result| if analysis.interrupted { without_pass(result) } else { result })
        .collect();
    let verdicts: Vec<Verdict> = gates.iter().map(|gate| gate.verdict).collect();
    let verdict = Verdict::overall(&verdicts, policy.strict);
    Judgement { gates, verdict, exit_code: exit_code::of(verdict) }
}

/// A run that was stopped shows what it has, but passes nothing.
fn without_pass(result: GateResult) -> GateResult {
    match result.verdict {
        Verdict::Pass => {
            let reason = format!("the run was interrupted; so far, {}", result.reason);
            result.verdict(Verdict::Inconclusive, reason)
        }
        Verdict::Fail | Verdict::Inconclusive | Verdict::NotJudged | Verdict::Error => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::analyse;
    use crate::{
        fixture,
        gate::Gate,
        record::{Role, RunRecord},
    };

    fn judged(record: &RunRecord) -> Judgement {
        evaluate(&analyse(record), &record.policy)
    }

    fn verdicts(record: &RunRecord) -> Vec<Verdict> {
        judged(record).gates.iter().map(|gate| gate.verdict).collect()
    }

    #[test]
    fn a_good_candidate_passes() {
        let judgement = judged(&fixture::record());
        let gates: Vec<_> = judgement.gates.iter().map(|gate| (gate.gate, gate.name.as_str())).collect();
        assert_eq!(gates, [(Gate::Quality, "accuracy"), (Gate::Speed, "speed"), (Gate::Size, "size")]);
        assert!(judgement.gates.iter().all(|gate| gate.arm == "mlx-q8"));
        assert_eq!((judgement.verdict, judgement.exit_code), (Verdict::Pass, exit_code::PASS));
    }

    #[test]
    fn strict_forgives_no_doubt() {
        let mut record = fixture::record();
        record.arms[2].sessions[0].device = "cpu".to_owned();
        assert_eq!(judged(&record).exit_code, exit_code::PASS);
        record.policy.strict = true;
        assert_eq!((judged(&record).verdict, judged(&record).exit_code), (Verdict::Fail, exit_code::FAIL));
        assert_eq!(verdicts(&record)[1], Verdict::NotJudged, "the gate itself says what it is");
    }

    #[test]
    fn every_candidate_is_judged() {
        let mut record = fixture::record();
        record.arms[1].role = Role::Candidate;
        let judgement = judged(&record);
        let arms: Vec<_> = judgement.gates.iter().map(|gate| gate.arm.as_str()).collect();
        assert_eq!(arms, ["mlx", "mlx", "mlx", "mlx-q8", "mlx-q8", "mlx-q8"]);
        assert_eq!(judgement.gates[2].verdict, Verdict::NotJudged, "nothing tells the size of `mlx`");
        assert_eq!(judgement.verdict, Verdict::Pass);
    }

    #[test]
    fn a_killed_arm_is_an_error() {
        let judgement = judged(&fixture::killed(2));
        assert!(judgement.gates.iter().all(|gate| gate.verdict == Verdict::Error));
        assert!(judgement.gates[0].reason.contains("`mlx-q8` failed in load: killed by signal 9"));
        assert_eq!(judgement.exit_code, exit_code::ERROR);
        // Without a baseline the size can still be told.
        assert_eq!(verdicts(&fixture::killed(0)), [Verdict::Error, Verdict::Error, Verdict::Pass]);
    }

    #[test]
    fn an_interrupted_run_never_passes() {
        let mut record = fixture::record();
        record.interrupted = true;
        assert_eq!(verdicts(&record), [Verdict::Inconclusive; 3]);
        assert_eq!(judged(&record).exit_code, exit_code::INCONCLUSIVE);
        assert!(judged(&record).gates[0].reason.starts_with("the run was interrupted; so far, the drop"));
    }

    #[test]
    fn nothing_judged_is_no_pass() {
        let mut record = fixture::record();
        record.arms.truncate(1);
        assert_eq!((judged(&record).verdict, judged(&record).exit_code), (Verdict::NotJudged, 4));
        record.arms.clear();
        assert_eq!(judged(&record).exit_code, exit_code::INCONCLUSIVE);
        record.policy.strict = true;
        assert_eq!(judged(&record).exit_code, exit_code::FAIL);
        assert_eq!(judged(&fixture::empty()).exit_code, exit_code::ERROR);
    }
}
