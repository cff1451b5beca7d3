//! How far a run has come, as its record so far tells.

use gatecheck_judge::record::{ArmRecord, Call, RunRecord};

/// How far one arm has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ArmProgress {
    pub(super) sessions: u32,
    pub(super) failed: bool,
    /// Seconds of work in the blocks of the throughput phase that count as done.
    pub(super) throughput_s: f64,
}

/// How far all have come. A block counts as done when every arm that works has done it: a pair is work done one
/// right after the other, so that half of one is measured again.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Progress {
    /// Blocks of the latency phase that are done.
    pub(super) latency: u32,
    /// Blocks of the throughput phase that are done.
    pub(super) throughput: u32,
    pub(super) arms: Vec<ArmProgress>,
}

impl Progress {
    /// Of a run that begins.
    pub(super) fn none(arms: usize) -> Self {
        Self { arms: vec![ArmProgress::default(); arms], ..Self::default() }
    }

    pub(super) fn of(record: &RunRecord) -> Self {
        let done = |calls: fn(&ArmRecord) -> &[Call]| {
            let working = record.arms.iter().filter(|arm| arm.failure.is_none());
            working.map(|arm| calls(arm).last().map_or(0, |call| call.block + 1)).min().unwrap_or(0)
        };
        let (latency, throughput) = (done(|arm| &arm.latency), done(|arm| &arm.throughput));
        let arm = |arm: &ArmRecord| ArmProgress {
            sessions: arm.sessions.len() as u32,
            failed: arm.failure.is_some(),
            throughput_s: arm
                .throughput
                .iter()
                .filter(|call| call.block < throughput)
                .map(|call| call.ns as f64 / 1e9)
                .sum(),
        };
        Self { latency, throughput, arms: record.arms.iter().map(arm).collect() }
    }
}

#[cfg(test)]
mod tests {
    use gatecheck_judge::fixture;

    use super::*;

    #[test]
    fn half_a_pair_is_not_done() {
        let mut record = fixture::record();
        assert_eq!(Progress::of(&record), Progress { latency: 20, throughput: 20, ..Progress::of(&record) });
        record.arms[1].throughput.truncate(21);
        record.arms[1].latency.truncate(95);
        let progress = Progress::of(&record);
        assert_eq!((progress.latency, progress.throughput), (10, 11));
        let seconds =
            |arm: &ArmRecord| arm.throughput[..22].iter().map(|call| call.ns as f64 / 1e9).sum::<f64>();
        assert!((progress.arms[0].throughput_s - seconds(&record.arms[0])).abs() < 1e-9);
    }

    #[test]
    fn a_failed_arm_holds_nobody_up() {
        let progress = Progress::of(&fixture::killed(2));
        assert_eq!((progress.latency, progress.throughput), (20, 20));
        assert_eq!(progress.arms.iter().map(|arm| arm.failed).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn nothing_measured_is_no_progress() {
        let progress = Progress::of(&fixture::empty());
        assert_eq!((progress.latency, progress.throughput, progress.arms[0].throughput_s), (0, 0, 0.0));
    }
}
