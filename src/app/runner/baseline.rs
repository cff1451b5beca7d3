//! Whether the baseline is a fair one: beside a slow baseline every candidate looks fast.

use gatecheck_backend::worker::protocol::Share;
use gatecheck_base::text::milliseconds;

use super::{arm::Arm, log::Stop};
use crate::app::cell::Cell;

/// Says so where the baseline needs more than twice what its own matrix products take. To be asked when
/// everything is measured: the large products of the answer leave the process with memory at hand, from which
/// its own batches would profit.
pub(super) fn slow(
    cell: &Cell,
    batches: &[Vec<usize>],
    arms: &mut [Arm<'_>],
) -> Result<Option<String>, Stop> {
    let (Some(arm), Some(middle)) = (arms.first_mut(), batches.get(batches.len() / 2)) else {
        return Ok(None);
    };
    let batch = cell.inputs.batch(middle)?;
    let rows = batch.rows();
    Ok(arm.share(batch)?.and_then(|share| warning(&share, rows)))
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
