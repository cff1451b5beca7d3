//! Runs every arm until its times stop falling: caches, page tables, clocks and lazily built
//! graphs are then as they will be while measuring.

use super::arm::{Arm, Stop};
use crate::{
    cell::Cell,
    event::{Event, Observer},
    model::batch::Batch,
    text::milliseconds,
    worker::protocol::Share,
};

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
    observer: &mut dyn Observer,
) -> Result<(), Stop> {
    let (Some(largest), Some(middle)) = (batches.last(), batches.get(batches.len() / 2)) else {
        return Ok(());
    };
    let batch =
        |examples: &[usize]| Batch::new(examples.iter().flat_map(|example| &cell.inputs[*example].rows));
    let single = Batch::new(cell.query(middle[0]));
    observer.on_event(&Event::Started { task: "warm-up", steps: arms.len() as u64 });
    for arm in arms.iter_mut() {
        arm.rehearse(&batch(largest), observer)?;
        for batch in [&batch(middle), &single] {
            until_stable(|| arm.rehearse(batch, observer))?;
        }
        observer.on_event(&Event::Advanced { steps: 1 });
    }
    observer.on_event(&Event::Finished);
    Ok(())
}

/// Says so where the baseline needs more than twice what its own matrix products take: every candidate
/// looks fast beside a slow baseline.
pub(super) fn slow_baseline(
    cell: &Cell,
    batches: &[Vec<usize>],
    arms: &mut [Arm<'_>],
    observer: &mut dyn Observer,
) -> Result<Option<String>, Stop> {
    let (Some(arm), Some(middle)) = (arms.first_mut(), batches.get(batches.len() / 2)) else {
        return Ok(None);
    };
    let batch = Batch::new(middle.iter().flat_map(|example| &cell.inputs[*example].rows));
    let rows = batch.rows();
    Ok(arm.share(batch, observer)?.and_then(|share| warning(&share, rows)))
}

fn warning(share: &Share, rows: usize) -> Option<String> {
    let part = share.floor_ns as f64 / share.ns.max(1) as f64;
    (part < 0.5).then(|| {
        format!(
            "the baseline reaches {:.0} % of what its matrix products allow ({:.1} ms for {rows} rows, of \
             which the products take {:.1} ms); beside a slow baseline every candidate looks fast",
            100.0 * part,
            milliseconds(share.ns),
            milliseconds(share.floor_ns)
        )
    })
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
    fn a_slow_baseline_is_named() {
        let share = |ns| Share { ns, floor_ns: 1_000_000, operations: 1, highest_rate: 1 };
        assert_eq!(warning(&share(2_000_000), 32), None);
        let text = warning(&share(4_000_000), 32).unwrap();
        assert!(
            text.starts_with(
                "the baseline reaches 25 % of what its matrix products allow (4.0 ms for 32 rows"
            )
        );
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
