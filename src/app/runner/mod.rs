//! Measures one cell: starts the arms, warms them up, interleaves their work, fills the record.

mod arm;
mod baseline;
mod schedule;
mod warm_up;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gatecheck_backend::{
    measure::machine::{Machine, load},
    worker::Launcher,
};
use gatecheck_judge::{
    record::{Environment, RunRecord, SCHEMA_VERSION},
    stats::rng::{Rng, derive_seed},
};

use self::arm::{Arm, Stop};
use crate::{
    app::cell::Cell,
    app::event::{Event, Observer},
};

/// Measures a cell to the end, or as far as its arms and the user let it. A failing arm is recorded
/// and the others go on.
pub fn run(cell: &Cell, launcher: &dyn Launcher, observer: &mut dyn Observer) -> RunRecord {
    let start = Instant::now();
    let started_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let load_before = load();
    let mut arms: Vec<Arm<'_>> = cell.arms.iter().map(|plan| Arm::new(plan, cell)).collect();
    let mut warnings = warnings(cell, load_before);
    let interrupted = measure(cell, &mut arms, &mut warnings, launcher, observer).is_err();
    let mut libraries: Vec<String> = arms.iter().filter_map(Arm::library).collect();
    libraries.dedup();
    let arms: Vec<_> = arms.into_iter().map(Arm::into_record).collect();
    RunRecord {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_unix_s,
        wall_ns: u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        seed: cell.seed,
        model: cell.model.clone(),
        dataset: cell.dataset.clone(),
        settings: cell.settings.clone(),
        policy: cell.policy.clone(),
        gold: cell.gold.clone(),
        tokens: cell.inputs.tokens(),
        arms,
        environment: environment(libraries, load_before),
        warnings,
        interrupted,
    }
}

/// `Err` when the user stopped the run.
fn measure(
    cell: &Cell,
    arms: &mut [Arm<'_>],
    warnings: &mut Vec<String>,
    launcher: &dyn Launcher,
    observer: &mut dyn Observer,
) -> Result<(), Stop> {
    observer.on_event(&Event::Started { task: "load", steps: arms.len() as u64 });
    for arm in arms.iter_mut() {
        arm.start(launcher, observer)?;
        observer.on_event(&Event::Advanced { steps: 1 });
    }
    observer.on_event(&Event::Finished);
    let batches = cell.inputs.batches(cell.settings.batch_size as usize);
    warm_up::warm_up(cell, &batches, arms, observer)?;
    latency(cell, arms, observer)?;
    throughput(cell, &batches, arms, launcher, observer)?;
    warnings.extend(baseline::slow(cell, &batches, arms)?);
    Ok(())
}

fn latency(cell: &Cell, arms: &mut [Arm<'_>], observer: &mut dyn Observer) -> Result<(), Stop> {
    let mut rng = Rng::seeded(derive_seed(cell.seed, "latency"));
    let blocks = schedule::latency(cell.inputs.len(), cell.effort.latency_queries as usize, &mut rng);
    let steps = blocks.iter().map(Vec::len).sum::<usize>() * arms.len();
    observer.on_event(&Event::Started { task: "latency", steps: steps as u64 });
    for (number, block) in blocks.iter().enumerate() {
        for index in schedule::order(number, arms.len()) {
            arms[index].latency_block(number as u32, block, observer)?;
            observer.on_event(&Event::Advanced { steps: block.len() as u64 });
        }
    }
    observer.on_event(&Event::Finished);
    Ok(())
}

fn throughput(
    cell: &Cell,
    batches: &[Vec<usize>],
    arms: &mut [Arm<'_>],
    launcher: &dyn Launcher,
    observer: &mut dyn Observer,
) -> Result<(), Stop> {
    /// Beyond this many passes more of the same tells nothing new.
    const MOST_PASSES: usize = 20;
    let mut rng = Rng::seeded(derive_seed(cell.seed, "throughput"));
    let mut number = 0;
    for pass in 0..MOST_PASSES {
        if pass > 0 && arms.iter().all(Arm::renews_quickly) {
            for index in schedule::order(pass, arms.len()) {
                arms[index].renew(launcher, observer)?;
            }
            warm_up::warm_up(cell, batches, arms, observer)?;
        }
        let blocks = schedule::throughput(batches.len(), &mut rng);
        let steps = batches.len() * arms.len();
        let task = if pass == 0 { "throughput and accuracy" } else { "throughput" };
        observer.on_event(&Event::Started { task, steps: steps as u64 });
        for block in blocks {
            for index in schedule::order(number, arms.len()) {
                arms[index].throughput_block(number as u32, &block, batches, pass == 0, observer)?;
                observer.on_event(&Event::Advanced { steps: block.len() as u64 });
            }
            number += 1;
        }
        observer.on_event(&Event::Finished);
        let enough_time = arms.iter().all(|arm| arm.throughput_s() >= cell.effort.throughput_s);
        if enough_time && number >= schedule::FEWEST_BLOCKS || arms.iter().all(|arm| !arm.works()) {
            break;
        }
    }
    Ok(())
}

fn environment(libraries: Vec<String>, load_before: Option<f64>) -> Environment {
    let Machine { os, arch, cpu, cores, memory_bytes, virtualised, power } = Machine::read();
    Environment {
        os,
        arch,
        cpu,
        cores,
        memory_bytes,
        virtualised,
        libraries,
        load_before,
        load_after: load(),
        power,
    }
}

fn warnings(cell: &Cell, load_before: Option<f64>) -> Vec<String> {
    let mut warnings = Vec::new();
    let cores = f64::from(gatecheck_backend::measure::machine::cores());
    if let Some(load) = load_before.filter(|load| *load > 0.5 * cores) {
        warnings.push(format!(
            "the machine was busy before the run (load average {load:.1} on {cores} cores); times are noisier than need be"
        ));
    }
    if cell.inputs.len() < cell.dataset.task.fewest_examples() {
        warnings.push(format!("{} examples say little about quality", cell.inputs.len()));
    }
    warnings
}

#[cfg(test)]
mod tests;
