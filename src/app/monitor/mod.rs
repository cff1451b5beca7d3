//! How far runs and pipelines have come, told from what they write, from any process, while they run or after.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use gatecheck_backend::measure::machine::is_running;
use gatecheck_judge::{
    journal::{Follower, JOURNAL},
    report::Format,
};
use serde::Serialize;

mod events;
mod row;

pub use self::row::Row;
use self::{
    events::Pipeline,
    row::{finished, measuring},
};
use super::pipeline::events::{EVENTS, Stage};

/// Lines that are kept of what was worth one.
const LINES: usize = 8;

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
                _ => state.map_or_else(Row::waiting, |state| state.row(now, at_work)),
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
