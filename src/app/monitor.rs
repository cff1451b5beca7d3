//! How far runs and pipelines have come, told from what they write, from any process, while they run or after.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use gatecheck_backend::measure::machine::is_running;
use gatecheck_base::text::megabytes;
use gatecheck_judge::{
    journal::{Follower, JOURNAL, Progress},
    report::Format,
};
use serde::Serialize;

use super::pipeline::events::{CellName, EVENTS, Line, PipelineEvent, Stage, Work};

/// After a silence this long, in seconds, a run whose process is not known is taken to be at work no more.
const SILENCE_S: f64 = 300.0;

/// Lines that are kept of what was worth one.
const LINES: usize = 8;

/// How a piece of work ends that could not be done.
const FAILED: &str = "failed";

/// Everything at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The moment, seconds since 1970-01-01 UTC.
    pub unix_s: u64,
    /// Whether anything is at work.
    pub at_work: bool,
    /// The command of the pipeline, where there is one.
    pub pipeline: Option<String>,
    /// A row for each piece of work.
    pub rows: Vec<Row>,
    /// What was worth a line, the last one last.
    pub lines: Vec<String>,
}

/// A piece of work.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Row {
    /// The model; of rows that are fetched the dataset alone.
    pub model: String,
    /// The dataset, where it is about one.
    pub dataset: String,
    /// What is done: `fetch`, `convert`, `plan`, `load`, `warm-up`, `latency`, `throughput`, or how it ended.
    pub stage: String,
    /// How much is done, in `unit`.
    pub done: Option<u64>,
    /// How much there is.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: &'static str,
    /// Of it in a second.
    pub rate: Option<f64>,
    /// Seconds until the stage is done, at this rate.
    pub left_s: Option<f64>,
    /// Resident memory of all arms together, in MB (10^6 bytes).
    pub memory_mb: Option<f64>,
    /// Seconds since its last line.
    pub silent_s: Option<f64>,
    /// Whether it is at work.
    pub at_work: bool,
}

/// Who watches.
#[derive(Debug)]
pub struct Monitor {
    folders: Vec<PathBuf>,
    followers: BTreeMap<PathBuf, Follower>,
}

impl Monitor {
    /// Watches these folders: of reports, with a folder for each run or being one, and of a pipeline's events.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, followers: BTreeMap::new() }
    }

    /// Looks again.
    pub fn look(&mut self) -> Snapshot {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut snapshot = Snapshot {
            unix_s: now as u64,
            at_work: false,
            pipeline: None,
            rows: Vec::new(),
            lines: Vec::new(),
        };
        let mut seen: Vec<PathBuf> = Vec::new();
        for folder in self.folders.clone() {
            if let Some(pipeline) = Pipeline::read(&folder.join(EVENTS)) {
                seen.extend(pipeline.cells.iter().map(|cell| whole(&cell.folder)));
                self.pipeline(pipeline, now, &mut snapshot);
            }
        }
        for folder in self.folders.clone().iter().flat_map(|folder| runs(folder)) {
            if !seen.contains(&whole(&folder)) {
                seen.push(whole(&folder));
                snapshot.rows.extend(self.run(&folder, None, now, &mut snapshot.lines));
            }
        }
        snapshot.at_work |= snapshot.rows.iter().any(|row| row.at_work);
        let extra = snapshot.lines.len().saturating_sub(LINES);
        snapshot.lines.drain(..extra);
        snapshot
    }

    /// The rows of a pipeline: a row for each cell, and one for each other piece of work in progress.
    fn pipeline(&mut self, pipeline: Pipeline, now: f64, snapshot: &mut Snapshot) {
        let Pipeline { pid, command, cells, works, lines, exit_code } = pipeline;
        let at_work = exit_code.is_none() && is_running(pid);
        snapshot.at_work |= at_work;
        snapshot.pipeline = Some(command);
        snapshot.lines.extend(lines);
        for state in works.iter().filter(|state| state.is_aside()) {
            snapshot.rows.push(state.row(now, at_work));
        }
        for cell in cells {
            let ended = || works.iter().rfind(|state| state.ended(&cell));
            let state = works.iter().rfind(|state| state.is_of(&cell)).or_else(ended);
            let measured =
                state.is_some_and(|state| state.work.stage == Stage::Measure && state.end.is_none());
            let row = match measured.then(|| self.run(&cell.folder, Some(at_work), now, &mut snapshot.lines))
            {
                Some(Some(row)) => row,
                _ => state.map_or_else(|| waiting(&cell), |state| state.row(now, at_work)),
            };
            let (model, dataset) = (cell.model, cell.dataset);
            snapshot.rows.push(Row { model, dataset, ..row });
        }
        if let Some(code) = exit_code {
            snapshot.lines.push(format!("the pipeline is through, exit code {code}"));
        } else if !at_work {
            snapshot
                .lines
                .push("the pipeline ended before its end; the same command goes on with it".to_owned());
        }
    }

    /// The row of the run in a folder. `at_work` where that is known.
    fn run(
        &mut self,
        folder: &Path,
        at_work: Option<bool>,
        now: f64,
        lines: &mut Vec<String>,
    ) -> Option<Row> {
        let follower = self.followers.entry(folder.to_owned()).or_insert_with(|| Follower::new(folder));
        match follower.poll() {
            Ok(Some(progress)) => {
                lines.extend(progress.lines.iter().cloned());
                Some(measuring(progress, at_work, now))
            }
            // Finished: what there is to say is in its report.
            Ok(None) => finished(folder),
            Err(error) => {
                lines.push(error.to_string());
                None
            }
        }
    }
}

/// The same folder under one name, as far as that can be told.
fn whole(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// The folder itself and those in it, as far as they hold a run.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let inner = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let report = Format::Json.file_name();
    let holds_run = |folder: &PathBuf| folder.join(JOURNAL).is_file() || folder.join(report).is_file();
    let mut runs: Vec<_> = [folder.to_owned()].into_iter().chain(inner).filter(holds_run).collect();
    runs.sort();
    runs
}

fn measuring(progress: &Progress, at_work: Option<bool>, now: f64) -> Row {
    let seconds = |unix_ns: u64| unix_ns as f64 / 1e9;
    let silent_s = (now - seconds(progress.last_unix_ns)).max(0.0);
    let arms = progress.begun.arms.len() as u64;
    let queries = progress.run["request"]["measuring"]["latency_queries"].as_u64();
    let (done, total, unit) = match progress.phase.as_str() {
        "latency" => (Some(progress.queries), queries.map(|queries| queries * arms), "queries"),
        // How many passes over the rows there will be is a matter of time: counted is the pass at work.
        "throughput" => {
            let pass = progress.begun.dataset.rows * arms;
            let full = progress.examples / pass.max(1) * pass;
            let done = if progress.examples > 0 && progress.examples == full {
                pass
            } else {
                progress.examples - full
            };
            (Some(done), Some(pass), "examples")
        }
        _ => (None, None, ""),
    };
    let took = seconds(progress.last_unix_ns) - seconds(progress.phase_unix_ns);
    let rate = (took > 0.0 && progress.since_phase > 0).then(|| progress.since_phase as f64 / took);
    let left = done.zip(total).map(|(done, total)| total.saturating_sub(done) as f64);
    let memory: u64 = progress.memory.values().map(|reading| reading.current).sum();
    let ended = progress.is_finished || progress.is_interrupted;
    Row {
        model: progress.begun.model.name.clone(),
        dataset: progress.begun.dataset.name.clone(),
        stage: match (progress.is_finished, progress.is_interrupted) {
            (true, _) => "measured".to_owned(),
            (_, true) => "stopped".to_owned(),
            _ => progress.phase.clone(),
        },
        done,
        total,
        unit,
        rate,
        left_s: left.zip(rate).map(|(left, rate)| left / rate),
        memory_mb: (memory > 0).then(|| megabytes(memory)),
        silent_s: Some(silent_s),
        at_work: !ended && at_work.unwrap_or(silent_s < SILENCE_S),
    }
}

/// What the report in a folder says.
fn finished(folder: &Path) -> Option<Row> {
    let text = std::fs::read(folder.join(Format::Json.file_name())).ok()?;
    let report: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Some(Row {
        model: word(&report["model"]["name"]),
        dataset: word(&report["dataset"]["name"]),
        stage: format!("done: {}", word(&report["verdict"]).replace('-', " ")),
        ..Row::default()
    })
}

fn waiting(_: &CellName) -> Row {
    Row { stage: "waiting".to_owned(), ..Row::default() }
}

/// What the events of a pipeline tell.
struct Pipeline {
    pid: u32,
    command: String,
    cells: Vec<CellName>,
    works: Vec<State>,
    lines: Vec<String>,
    exit_code: Option<u8>,
}

/// A piece of work by now.
struct State {
    work: Work,
    began_s: f64,
    last_s: f64,
    step: Option<(String, u64, u64)>,
    /// How it ended.
    end: Option<String>,
}

/// What a piece of work is about.
fn subject(work: &Work) -> String {
    let names = [&work.model, &work.dataset].into_iter().flatten();
    names.map(String::as_str).collect::<Vec<_>>().join(" on ")
}

impl Pipeline {
    /// Nothing where there are no events, or none that can be read.
    fn read(path: &Path) -> Option<Self> {
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
    fn is_aside(&self) -> bool {
        self.end.is_none() && matches!(self.work.stage, Stage::Fetch | Stage::Convert)
    }

    fn is_of(&self, cell: &CellName) -> bool {
        self.work.model.as_ref() == Some(&cell.model) && self.work.dataset.as_ref() == Some(&cell.dataset)
    }

    /// Whether the model of a cell failed before it came to its datasets.
    fn ended(&self, cell: &CellName) -> bool {
        let is_whole = self.work.dataset.is_none() && self.work.model.as_ref() == Some(&cell.model);
        is_whole && self.end.as_deref() == Some(FAILED)
    }

    fn row(&self, now: f64, at_work: bool) -> Row {
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
