//! Runs every arm until its times stop falling: caches, page tables, clocks and lazily built
//! graphs are then as they will be while measuring.

use gatecheck_backend::Phase;

use super::{
    arm::Arm,
    log::{Log, Stop},
};
use crate::app::cell::Cell;

/// Calls after which an arm counts as warm whatever its times say.
const MOST_CALLS: usize = 30;

/// Time after which it does, in nanoseconds.
const MOST_NS: u64 = 5_000_000_000;

/// Warms up all arms: the largest batch once, so that memory is there, then a middling one until
/// three calls in a row are within a tenth of each other, then a single query likewise.
pub(super) fn warm_up(
    cell: &Cell,
    batches: &[Vec<usize>],
    arms: &mut [Arm<'_>],
    log: &mut Log<'_>,
) -> Result<(), Stop> {
    let (Some(largest), Some(middle)) = (batches.last(), batches.get(batches.len() / 2)) else {
        return Ok(());
    };
    let (largest, single) = (cell.inputs.batch(largest)?, cell.query(middle[0])?);
    let middle = cell.inputs.batch(middle)?;
    log.started(Phase::WarmUp, arms.len())?;
    for arm in arms.iter_mut() {
        arm.rehearse(&largest, log)?;
        for batch in [&middle, &single] {
            until_stable(|| arm.rehearse(batch, log))?;
        }
        log.advanced(1);
    }
    log.finished();
    Ok(())
}

fn until_stable(mut call: impl FnMut() -> Result<Option<u64>, Stop>) -> Result<(), Stop> {
    let mut times = Vec::new();
    while times.len() < MOST_CALLS && times.iter().sum::<u64>() < MOST_NS {
        let Some(ns) = call()? else { return Ok(()) };
        times.push(ns);
        if is_stable(&times) {
            return Ok(());
        }
    }
    Ok(())
}

fn is_stable(times: &[u64]) -> bool {
    let [.., a, b, c] = times else { return false };
    let (lowest, highest) = (a.min(b).min(c), a.max(b).max(c));
    *highest as f64 <= 1.1 * *lowest as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(times: &[u64]) -> usize {
        let mut made = 0;
        let call = || {
            made += 1;
            Ok(times.get(made - 1).or(times.last()).copied())
        };
        until_stable(call).unwrap();
        made
    }

    #[test]
    fn stops_when_stable_or_out_of_patience() {
        assert_eq!(calls(&[100, 100, 100]), 3);
        assert_eq!(calls(&[900, 400, 200, 105, 100, 101]), 6);
        let falling: Vec<u64> = (0..40).map(|step| 1_000_000 >> (step / 2)).collect();
        assert!(calls(&falling) <= MOST_CALLS);
        assert_eq!(calls(&[3_000_000_000, 2_000_000_001, 1]), 2);
    }
}
