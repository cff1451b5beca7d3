//! Numbers that are equal up to a stated difference.

use gatecheck_backend::Trace;

/// Equal to other numbers when none of them is further away than `MICROS` millionths. NaN equals
/// nothing.
pub(crate) struct Within<'a, const MICROS: u32>(pub(crate) &'a [f32]);

/// For the same sums in another order: another batch, another number of threads.
pub(crate) const SUMMATION: u32 = 50;
/// For two implementations of one graph in 32-bit floats.
pub(crate) const IMPLEMENTATION: u32 = 100;
/// For two ways to multiply by the same quantized weights.
#[cfg(feature = "mlx")]
pub(crate) const KERNEL: u32 = 1_000;

impl<const MICROS: u32> PartialEq for Within<'_, MICROS> {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && largest_difference(self.0, other.0) <= MICROS as f32 * 1e-6
    }
}

/// Largest absolute difference; infinite where either side is NaN.
pub(crate) fn largest_difference(left: &[f32], right: &[f32]) -> f32 {
    let differences = left.iter().zip(right).map(|(left, right)| (left - right).abs());
    differences.fold(0.0, |largest, one| if one.is_nan() { f32::INFINITY } else { largest.max(one) })
}

/// Checks stage by stage, so that the message names the first one that differs. Gives the largest
/// difference of all.
pub(crate) fn check_trace<const MICROS: u32>(expected: &Trace, found: &Trace) -> Result<f32, String> {
    let names = |trace: &Trace| trace.stages.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(expected) != names(found) {
        return Err(format!("stages {:?} instead of {:?}", names(found), names(expected)));
    }
    let (expected_outputs, found_outputs) = (expected.outputs.concat(), found.outputs.concat());
    let stages = expected.stages.iter().zip(&found.stages);
    let stages = stages.map(|((name, expected), (_, found))| (name.as_str(), expected, found));
    let mut worst = 0.0f32;
    for (name, expected, found) in stages.chain([("outputs", &expected_outputs, &found_outputs)]) {
        let difference = largest_difference(expected, found);
        if Within::<MICROS>(expected) != Within(found) {
            return Err(format!(
                "`{name}` is the first stage that differs: by {difference:e}, with {} numbers instead of {}",
                found.len(),
                expected.len()
            ));
        }
        worst = worst.max(difference);
    }
    Ok(worst)
}

#[test]
fn the_first_stage_that_differs_is_named() {
    let trace = |second: f32, third: f32| Trace {
        stages: vec![
            ("embeddings".to_owned(), vec![1.0, 2.0]),
            ("layer.0".to_owned(), vec![second]),
            ("layer.1".to_owned(), vec![third]),
        ],
        outputs: vec![vec![0.5], vec![0.25]],
    };
    let expected = trace(1.0, 1.0);
    assert_eq!(check_trace::<100>(&expected, &trace(1.0, 1.0)), Ok(0.0));
    assert!(check_trace::<100>(&expected, &trace(1.000_05, 1.0)).is_ok());
    let message = check_trace::<100>(&expected, &trace(1.001, 7.0)).unwrap_err();
    assert!(message.starts_with("`layer.0` is the first stage that differs: by 1.0"), "{message}");
    assert!(check_trace::<100>(&expected, &trace(1.0, f32::NAN)).unwrap_err().starts_with("`layer.1`"));
    let mut shorter = trace(1.0, 1.0);
    shorter.outputs.pop();
    assert!(check_trace::<100>(&expected, &shorter).unwrap_err().ends_with("1 numbers instead of 2"));
}
