//! Measures one cell: starts the arms, warms them up, interleaves their work, fills the record.

mod arm;
mod baseline;
mod begin;
mod clock;
mod log;
mod progress;
mod schedule;
mod warm_up;

use gatecheck_backend::{
    Phase,
    measure::machine::{Machine, load},
    worker::Launcher,
};
use gatecheck_base::fs::FileError;
use gatecheck_judge::{
    journal::{Event as Entry, Journal},
    record::{Environment, RunRecord},
    stats::rng::{Rng, derive_seed},
};

use self::{
    arm::Arm,
    log::{Log, Stop},
    progress::Progress,
};
use crate::{app::cell::Cell, app::event::Observer};

pub use begin::begin;

/// Measures what a record lacks of a cell, to the end or as far as its arms and the user let it, and keeps all
/// of it in the journal. A failing arm is kept and the others go on. `so_far` is what the journal
/// of a run that goes on holds.
pub fn run(
    cell: &Cell,
    so_far: Option<&RunRecord>,
    journal: &mut Journal,
    launcher: &dyn Launcher,
    observer: &mut dyn Observer,
) -> Result<(), FileError> {
    let environment = environment(cell);
    let progress = so_far.map_or_else(|| Progress::none(cell.arms.len()), Progress::of);
    if let Some(so_far) = so_far {
        journal.write(Entry::Resumed)?;
        if let Some(doubt) = begin::busy_again(cell, so_far) {
            journal.write(Entry::Warning(doubt))?;
        }
    }
    let mut log = Log { journal, observer };
    let ended = measure(cell, &environment, &progress, launcher, &mut log);
    let entry = match ended {
        Ok(()) => Entry::Finished { load_after: load() },
        Err(Stop::ByUser) => Entry::Interrupted,
        Err(Stop::Failed(error)) => return Err(error),
    };
    journal.write(entry)
}

fn measure(
    cell: &Cell,
    environment: &Environment,
    progress: &Progress,
    launcher: &dyn Launcher,
    log: &mut Log<'_>,
) -> Result<(), Stop> {
    let numbered = (0..).zip(&progress.arms);
    let mut arms: Vec<_> =
        numbered.map(|(number, so_far)| Arm::new(number, cell, environment, *so_far)).collect();
    log.started(Phase::Load, arms.len())?;
    // An arm that failed before the run was resumed stays as it is.
    for (arm, _) in arms.iter_mut().zip(&progress.arms).filter(|(_, so_far)| !so_far.failed) {
        arm.start(launcher, log)?;
        log.advanced(1);
    }
    log.finished();
    let batches = cell.inputs.batches(cell.settings.batch_size as usize);
    warm_up::warm_up(cell, &batches, &mut arms, log)?;
    latency(cell, progress.latency, &mut arms, log)?;
    throughput(cell, &batches, progress.throughput, &mut arms, launcher, log)?;
    if let Some(doubt) = baseline::slow(cell, &batches, &mut arms)? {
        log.keep(Entry::Warning(doubt))?;
    }
    Ok(())
}

/// The blocks from number `done` on.
fn latency(cell: &Cell, done: u32, arms: &mut [Arm<'_>], log: &mut Log<'_>) -> Result<(), Stop> {
    let mut rng = Rng::seeded(derive_seed(cell.seed, "latency"));
    let blocks = schedule::latency(cell.inputs.len(), cell.effort.latency_queries as usize, &mut rng);
    let left = || (0..).zip(&blocks).skip(done as usize);
    log.started(Phase::Latency, left().map(|(_, block)| block.len()).sum::<usize>() * arms.len())?;
    for (number, block) in left() {
        for index in schedule::order(number as usize, arms.len()) {
            arms[index].latency_block(number, block, log)?;
            log.advanced(block.len());
        }
    }
    log.finished();
    Ok(())
}

/// The blocks from number `done` on.
fn throughput(
    cell: &Cell,
    batches: &[Vec<usize>],
    done: u32,
    arms: &mut [Arm<'_>],
    launcher: &dyn Launcher,
    log: &mut Log<'_>,
) -> Result<(), Stop> {
    /// Beyond this many passes more of the same tells nothing new.
    const MOST_PASSES: usize = 20;
    let mut rng = Rng::seeded(derive_seed(cell.seed, "throughput"));
    let mut number = 0;
    // Whether the processes at work have measured a pass, or part of one.
    let mut used = false;
    for pass in 0..MOST_PASSES {
        let first = number;
        let blocks = schedule::throughput(batches.len(), &mut rng);
        number += blocks.len() as u32;
        if number < done {
            continue;
        }
        if used && arms.iter().all(Arm::renews_quickly) {
            for index in schedule::order(pass, arms.len()) {
                arms[index].renew(launcher, log)?;
            }
            warm_up::warm_up(cell, batches, arms, log)?;
        }
        let left: Vec<_> = (first..).zip(&blocks).filter(|(number, _)| *number >= done).collect();
        let steps = left.iter().map(|(_, block)| block.len()).sum::<usize>() * arms.len();
        log.started(Phase::Throughput, steps)?;
        for (number, block) in left {
            for index in schedule::order(number as usize, arms.len()) {
                arms[index].throughput_block(number, block, batches, pass == 0, log)?;
                log.advanced(block.len());
            }
            used = true;
        }
        log.finished();
        let enough_time = arms.iter().all(|arm| arm.throughput_s() >= cell.effort.throughput_s);
        if enough_time && number as usize >= schedule::FEWEST_BLOCKS || arms.iter().all(|arm| !arm.works()) {
            break;
        }
    }
    Ok(())
}

/// The machine as it is before measuring, without the libraries, of which every arm has its own.
fn environment(cell: &Cell) -> Environment {
    let Machine { os, arch, cpu, cores, memory_bytes, virtualised, power } = Machine::read();
    Environment {
        os,
        arch,
        cpu,
        cores,
        memory_bytes,
        virtualised,
        libraries: Vec::new(),
        load_before: cell.load_before,
        load_after: None,
        power,
    }
}

#[cfg(test)]
mod tests;
