//! What the events of a pipeline tell.

use std::path::Path;

use super::row::Row;
use crate::app::pipeline::events::{CellName, Line, PipelineEvent, Stage, Work};

/// How a piece of work ends that could not be done.
const FAILED: &str = "failed";

/// What the events of a pipeline tell.
pub(super) struct Pipeline {
    pub(super) pid: u32,
    pub(super) command: String,
    pub(super) cells: Vec<CellName>,
    pub(super) works: Vec<State>,
    pub(super) lines: Vec<String>,
    pub(super) exit_code: Option<u8>,
}

/// A piece of work by now.
pub(super) struct State {
    pub(super) work: Work,
    began_s: f64,
    last_s: f64,
    step: Option<(String, u64, u64)>,
    /// How it ended.
    pub(super) end: Option<String>,
}

/// What a piece of work is about.
fn subject(work: &Work) -> String {
    let names = [&work.model, &work.dataset].into_iter().flatten();
    names.map(String::as_str).collect::<Vec<_>>().join(" on ")
}

impl Pipeline {
    /// Nothing where there are no events, or none that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read(path).ok()?;
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let begun: Line = serde_json::from_slice(lines.next()?).ok()?;
        let PipelineEvent::Begun { pid, command, cells } = begun.event else { return None };
        let mut pipeline =
            Self { pid, command, cells, works: Vec::new(), lines: Vec::new(), exit_code: None };
        lines.filter_map(|line| serde_json::from_slice(line).ok()).for_each(|line| pipeline.take(line));
        Some(pipeline)
    }

    fn take(&mut self, Line { unix_ns, event }: Line) {
        let now = unix_ns as f64 / 1e9;
        match event {
            PipelineEvent::Begun { .. } => {}
            PipelineEvent::Started(work) => {
                self.works.push(State { work, began_s: now, last_s: now, step: None, end: None });
            }
            PipelineEvent::At { work, step, done, total } => {
                if let Some(state) = self.state(&work, now) {
                    state.step = Some((step, done, total));
                }
            }
            PipelineEvent::Done { work, note } => {
                if matches!(work.stage, Stage::Convert | Stage::Measure) {
                    self.lines.push(format!("{}: {note}", subject(&work)));
                }
                if let Some(state) = self.state(&work, now) {
                    state.end = Some(if note.is_empty() { "done".to_owned() } else { note });
                }
            }
            PipelineEvent::Failed { work, message } => {
                self.lines.push(format!("{}: {message}", subject(&work)));
                if let Some(state) = self.state(&work, now) {
                    state.end = Some(FAILED.to_owned());
                }
            }
            PipelineEvent::Finished { exit_code } => self.exit_code = Some(exit_code),
        }
    }

    fn state(&mut self, work: &Work, now: f64) -> Option<&mut State> {
        let state = self.works.iter_mut().rfind(|state| state.work == *work)?;
        state.last_s = now;
        Some(state)
    }
}

impl State {
    /// Whether it is in progress and about no cell.
    pub(super) fn is_aside(&self) -> bool {
        self.end.is_none() && matches!(self.work.stage, Stage::Fetch | Stage::Convert)
    }

    pub(super) fn is_of(&self, cell: &CellName) -> bool {
        self.work.model.as_ref() == Some(&cell.model) && self.work.dataset.as_ref() == Some(&cell.dataset)
    }

    /// Whether the model of a cell failed before it came to its datasets.
    pub(super) fn ended(&self, cell: &CellName) -> bool {
        let is_whole = self.work.dataset.is_none() && self.work.model.as_ref() == Some(&cell.model);
        is_whole && self.end.as_deref() == Some(FAILED)
    }

    pub(super) fn row(&self, now: f64, at_work: bool) -> Row {
        let stage = match (&self.end, &self.step) {
            (Some(end), _) if self.work.stage == Stage::Measure => format!("done: {end}"),
            (Some(end), _) => end.clone(),
            (None, Some((step, ..))) => format!("{}: {step}", self.work.stage.word()),
            (None, None) => self.work.stage.word().to_owned(),
        };
        let step = self.step.as_ref().filter(|_| self.end.is_none());
        let (done, total) =
            step.map_or((None, None), |(_, done, total)| (Some(*done), (*total > 0).then_some(*total)));
        let took = self.last_s - self.began_s;
        let rate = done.filter(|_| took > 0.0).map(|done| done as f64 / took);
        let left = done.zip(total).map(|(done, total)| total.saturating_sub(done) as f64);
        Row {
            model: self.work.model.clone().unwrap_or_default(),
            dataset: self.work.dataset.clone().unwrap_or_default(),
            stage,
            done,
            total,
            unit: if done.is_some() { "bytes" } else { "" },
            rate,
            left_s: left.zip(rate.filter(|rate| *rate > 0.0)).map(|(left, rate)| left / rate),
            memory_mb: None,
            silent_s: self.end.is_none().then_some((now - self.last_s).max(0.0)),
            at_work: at_work && self.end.is_none(),
        }
    }
}
