//! The measurements, one after the other, and the matrix.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use gatecheck_base::{fs::write_together, text::duration};
use gatecheck_judge::{
    gate::exit_code,
    report::{
        Report,
        matrix::{self, Entry, Found, Lack, Matrix},
    },
};

use super::{
    PipelineError,
    cells::{State, lack},
    events::{CellName, EventLog, PipelineEvent, Stage, Work},
    order::Order,
    outputs,
    ready::{Ready, names},
};
use crate::app::{
    event::{Event, Observer},
    judge::JudgeError,
    measure::Workers,
    run::{self, Job},
};

/// What a pipeline came to.
#[derive(Debug)]
pub struct Finished {
    /// Every cell.
    pub matrix: Matrix,
    /// The folder of its files.
    pub out: PathBuf,
    /// Whether the user stopped it.
    pub stopped: bool,
}

/// What a cell came to.
enum Came {
    Report(Box<Report>),
    Same(usize),
    Lacking(Lack),
}

/// Measures what is left, one cell at a time, and writes the matrix. A cell that fails leaves the others alone.
pub fn measure(
    ready: Ready,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<Finished, PipelineError> {
    let Ready { order, log, states } = ready;
    let names = names(&order);
    let mut results = Vec::with_capacity(states.len());
    let left = states.iter().filter(|state| matches!(state, State::Left(_))).count();
    let mut number = 0;
    for (state, name) in states.into_iter().zip(&names) {
        let result = match state {
            State::Kept(report) => {
                said(observer, &format!("{} on {}: measured already", name.model, name.dataset));
                Came::Report(report)
            }
            State::Same(other) => Came::Same(other),
            State::Failed(lack) => Came::Lacking(lack),
            State::Left(_) if workers.stop().load(Ordering::Relaxed) => Came::Lacking(stopped()),
            State::Left(job) => {
                number += 1;
                said(observer, &format!("cell {number} of {left}: {}", job.told()));
                one(*job, name, &order, &log, workers, observer)
            }
        };
        results.push(result);
        tell(&order, &names, &results, name);
    }
    let matrix = Matrix::new(&entries(&names, &results));
    let files =
        matrix::render(&matrix).map_err(|error| PipelineError::Step(JudgeError::from(error).into()))?;
    let files: Vec<_> = files.iter().map(|(name, bytes)| (Path::new(*name), bytes.as_slice())).collect();
    write_together(&order.out, &files)?;
    log.write(PipelineEvent::Finished { exit_code: matrix.exit_code });
    let stopped = workers.stop().load(Ordering::Relaxed);
    Ok(Finished { matrix, out: order.out, stopped })
}

fn said(observer: &mut dyn Observer, line: &str) {
    observer.on_event(&Event::Said { line });
}

fn stopped() -> Lack {
    Lack { message: "not measured: stopped by the user".to_owned(), exit_code: exit_code::INCONCLUSIVE }
}

fn one(
    job: Job,
    name: &CellName,
    order: &Order,
    log: &EventLog,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Came {
    let (model, dataset) = (Some(name.model.clone()), Some(name.dataset.clone()));
    let work = Work { stage: Stage::Measure, model, dataset };
    log.write(PipelineEvent::Started(work.clone()));
    let measured = run::measure(job, workers, observer);
    observer.on_event(&Event::Finished);
    match measured {
        Ok(outcome) => {
            let report = outcome.report;
            let line = verdict(name, &report);
            said(observer, &line);
            for bits in outputs::bits(&report) {
                order.place.log(&format!("testing_{bits}bit"), &line);
            }
            log.write(PipelineEvent::Done { work, note: report.verdict.words().to_owned() });
            Came::Report(Box::new(report))
        }
        Err(error) => {
            let lack = lack(&error);
            let line = format!("{} on {}: {}", name.model, name.dataset, lack.message);
            said(observer, &line);
            order.place.log("testing", &line);
            log.write(PipelineEvent::Failed { work, message: lack.message.clone() });
            Came::Lacking(lack)
        }
    }
}

fn verdict(name: &CellName, report: &Report) -> String {
    let gates: Vec<_> =
        report.gates.iter().map(|gate| format!("{} {}", gate.name, gate.verdict.words())).collect();
    format!(
        "{} on {}: {} ({}; {})",
        name.model,
        name.dataset,
        report.verdict.words(),
        gates.join(", "),
        duration(report.wall_s)
    )
}

/// The report of a cell, its own or that of its twin.
fn report(results: &[Came], at: usize) -> Option<&Report> {
    match results.get(at)? {
        Came::Report(report) => Some(report),
        // The other comes before it, and is no twin itself.
        Came::Same(other) => report_of(results, *other),
        Came::Lacking(_) => None,
    }
}

fn report_of(results: &[Came], at: usize) -> Option<&Report> {
    match results.get(at)? {
        Came::Report(report) => Some(report),
        _ => None,
    }
}

/// Writes what is known by now of the model of a cell into the results.
fn tell(order: &Order, names: &[CellName], results: &[Came], of: &CellName) {
    let own = (0..results.len()).filter(|at| names[*at].model == of.model);
    let reports: Vec<_> = own.filter_map(|at| report(results, at)).collect();
    if !reports.is_empty() {
        outputs::tell(&order.place, &of.model, &reports);
    }
}

fn entries<'a>(names: &[CellName], results: &'a [Came]) -> Vec<Entry<'a>> {
    let words = |at: usize| format!("{} on {}", names[at].model, names[at].dataset);
    let entry = |(at, name): (usize, &CellName)| {
        let twin = if let Came::Same(other) = &results[at] { Some(*other) } else { None };
        let found = match (report(results, at), &results[twin.unwrap_or(at)]) {
            (Some(report), _) => Found::Report(report),
            (None, Came::Lacking(lack)) => Found::Lacking(lack.clone()),
            (None, _) => Found::Lacking(stopped()),
        };
        let has_report = matches!(found, Found::Report(_));
        Entry {
            model: name.model.clone(),
            dataset: name.dataset.clone(),
            folder: has_report.then(|| names[twin.unwrap_or(at)].folder.display().to_string()),
            same_as: twin.map(words),
            found,
        }
    };
    names.iter().enumerate().map(entry).collect()
}
