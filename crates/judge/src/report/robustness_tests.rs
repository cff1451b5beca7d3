//! Records that were damaged at random are reported without panic, and pass nothing they should not.

use super::{Report, render, table};
use crate::{
    fixture,
    gate::{Gate, Verdict},
    record::{ArmRecord, RunRecord},
    stats::Rng,
};

/// One random damage to an arm.
fn damage_arm(arm: &mut ArmRecord, rng: &mut Rng) {
    let example = rng.below(arm.measured.len() as u64 + 1) as usize;
    let call = rng.below(arm.throughput.len() as u64 + 1) as usize;
    match rng.below(10) {
        0 => arm.measured.iter_mut().skip(example).for_each(|measured| *measured = false),
        1 => arm.outputs.iter_mut().skip(example).take(1).for_each(|output| *output = f32::NAN),
        2 => arm.outputs.truncate(example),
        3 => arm.output_width = rng.below(5) as u32,
        4 => arm.throughput.truncate(call),
        5 => arm.throughput.iter_mut().skip(call).for_each(|call| call.ns = 0),
        6 => arm.throughput.iter_mut().for_each(|call| call.ns = rng.bits() >> rng.below(64)),
        7 => arm.latency.iter_mut().for_each(|call| call.ns = rng.bits() >> rng.below(64)),
        8 => arm.latency.truncate(example),
        _ => arm.size_bytes = rng.bits() >> rng.below(64),
    }
}

fn damage(record: &mut RunRecord, rng: &mut Rng) {
    let arms = record.arms.len() as u64;
    match rng.below(8) {
        0 => record.gold.iter_mut().skip(3).step_by(7).for_each(|gold| *gold = f64::INFINITY),
        1 => record.gold.truncate(rng.below(40) as usize),
        2 => record.tokens.truncate(rng.below(40) as usize),
        3 => record.settings.confidence = f64::NAN,
        4 => record.interrupted = true,
        _ if arms > 0 => damage_arm(&mut record.arms[rng.below(arms) as usize], rng),
        _ => {}
    }
}

#[test]
fn damaged_records_are_reported_and_do_not_pass() {
    let mut rng = Rng::seeded(31);
    for round in 0..150 {
        let whole = if round % 3 == 0 { fixture::similarity() } else { fixture::record() };
        let mut record = fixture::shortened(whole, 40);
        (0..=rng.below(4)).for_each(|_| damage(&mut record, &mut rng));
        record.policy.max_accuracy_drop = 2.0;
        let report = Report::new(&record, &record.policy);
        let text = table::render(&report);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{round}: {text}");
        assert_eq!(render(&report).unwrap().len(), 4);
        let passed = |gate: Gate| {
            report.gates.iter().any(|result| result.gate == gate && result.verdict == Verdict::Pass)
        };
        let is_whole = |arm: &ArmRecord| {
            let numbers = arm.outputs.iter().filter(|output| output.is_finite()).count();
            arm.measured.iter().all(|measured| *measured) && numbers >= 40 * arm.output_width as usize
        };
        let [before, .., after] = record.arms.as_slice() else { panic!("two arms at least") };
        let all = is_whole(before) && is_whole(after) && record.gold.iter().all(|gold| gold.is_finite());
        assert!(all && !record.interrupted || !passed(Gate::Quality), "{round}: {text}");
        assert!(!record.interrupted || !passed(Gate::Speed), "{round}: {text}");
    }
}
