//! Each cell by itself: what is left to be measured of it.

use gatecheck_judge::{
    gate::exit_code,
    journal::JournalError,
    record::{self as records, RunRecord},
    report::{Report, matrix::Lack},
};

use crate::app::{
    cell::Cell,
    error::AppError,
    event::Observer,
    judge,
    record::{self, RecordError},
    resume,
    run::{self, Job, Request, Start},
    runner,
};

/// What is to be done about a cell.
#[derive(Debug)]
pub(super) enum State {
    /// It was measured already.
    Kept(Box<Report>),
    /// It is to be measured, or to be measured to the end.
    Left(Box<Job>),
    /// Another, by its position, has the same content.
    Same(usize),
    /// It cannot be measured.
    Failed(Lack),
}

/// An error as the matrix tells it.
pub(super) fn lack(error: &AppError) -> Lack {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message += &format!(": {error}");
        cause = error.source();
    }
    Lack { message, exit_code: exit_code::of_error(error.kind()) }
}

/// A planned cell: its state, and its content by which another may be the same.
pub(super) struct Planned {
    pub(super) state: State,
    pub(super) content: Option<String>,
}

/// Plans a cell, whose request has one dataset. With `again`, what was measured before counts for nothing.
pub(super) fn plan(
    request: &Request,
    again: bool,
    load_before: Option<f64>,
    observer: &mut dyn Observer,
) -> Planned {
    match planned(request, again, load_before, observer) {
        Ok(Some(planned)) => planned,
        // An order has no request without a dataset.
        Ok(None) => {
            let lack = Lack { message: "there is no dataset".to_owned(), exit_code: exit_code::USAGE };
            Planned { state: State::Failed(lack), content: None }
        }
        Err(error) => Planned { state: State::Failed(lack(&error)), content: None },
    }
}

fn planned(
    request: &Request,
    again: bool,
    load_before: Option<f64>,
    observer: &mut dyn Observer,
) -> Result<Option<Planned>, AppError> {
    let Some(dataset) = request.datasets.first() else { return Ok(None) };
    let out = &dataset.1;
    if let Some(unfinished) = unfinished(request, again)? {
        return Ok(resume::plan_as(unfinished, request, observer)?.pop().map(left));
    }
    let Some(cell) = run::cells(request, load_before, |_| Ok(()), observer)?.pop() else { return Ok(None) };
    let begun = runner::begin(&cell);
    if !again && let Some(record) = measured(request, &cell, &begun) {
        let content = Some(record::content(&record));
        let report = judge::judge(out, &record, &request.policy)?;
        return Ok(Some(Planned { state: State::Kept(Box::new(report)), content }));
    }
    // From here on what lies there is not of this run, and whatever becomes of it must not be taken for that.
    judge::withdraw(out)?;
    let start = Start::Fresh(run::begun(request, dataset)?);
    Ok(Some(left(Job { cell, out: out.clone(), start })))
}

fn left(job: Job) -> Planned {
    let content = Some(record::content(&runner::begin(&job.cell)));
    Planned { state: State::Left(Box::new(job)), content }
}

/// The journal of this cell that an earlier process left.
fn unfinished(request: &Request, again: bool) -> Result<Option<resume::Unfinished>, AppError> {
    let Some((_, out)) = request.datasets.first() else { return Ok(None) };
    match resume::unfinished(out) {
        // Killed before its first line was whole.
        Err(AppError::Record(RecordError::Journal(JournalError::Headless { .. }))) => Ok(None),
        Ok(Some(unfinished)) if again => unfinished.discard().map(|()| None),
        other => other,
    }
}

/// The record of this very cell, if all of it was measured.
fn measured(request: &Request, cell: &Cell, begun: &RunRecord) -> Option<RunRecord> {
    let (_, out) = request.datasets.first()?;
    let mut record = records::read(out).ok()?;
    let queries = if cell.inputs.is_empty() { 0 } else { request.measuring.latency_queries as usize };
    let is_whole = !record.interrupted
        && record.arms.iter().all(|arm| arm.failure.is_none() && arm.latency.len() == queries);
    if !is_whole || record::content(&record) != record::content(begun) {
        return None;
    }
    record.policy = request.policy.clone();
    Some(record)
}
