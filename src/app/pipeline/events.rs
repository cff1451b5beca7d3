//! What a pipeline does, line by line, for whoever watches it from another shell: `pipeline.jsonl` in the folder of
//! its logs. A line is whole or absent. What is measured in a cell is in the cell's own journal.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gatecheck_base::fs::{FileError, NO_FOLLOW, create_dir};
use serde::{Deserialize, Serialize};

use super::PipelineError;
use crate::app::alone::me;

/// The file.
pub const EVENTS: &str = "pipeline.jsonl";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was written, nanoseconds since 1970-01-01 UTC.
    pub unix_ns: u64,
    /// What happened.
    pub event: PipelineEvent,
}

/// What happens in a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PipelineEvent {
    /// It begins. Always the first line.
    Begun {
        /// Its process.
        pid: u32,
        /// Its command line.
        command: String,
        /// Its cells, in their order.
        cells: Vec<CellName>,
    },
    /// A stage of a model, or of a cell of it, begins.
    Started(Work),
    /// So much of it is done, in its own unit.
    At {
        /// What.
        work: Work,
        /// The step, such as a file or `verifying`.
        step: String,
        /// How much is done.
        done: u64,
        /// How much there is, 0 when unknown.
        total: u64,
    },
    /// It is done.
    Done {
        /// What.
        work: Work,
        /// What came of it.
        note: String,
    },
    /// It failed; the others go on.
    Failed {
        /// What.
        work: Work,
        /// Why.
        message: String,
    },
    /// The pipeline ends.
    Finished {
        /// With this exit code.
        exit_code: u8,
    },
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellName {
    /// The model.
    pub model: String,
    /// The dataset.
    pub dataset: String,
    /// The folder of its reports and of its journal.
    pub folder: PathBuf,
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Which stage.
    pub stage: Stage,
    /// Of which model; of a download of rows nothing.
    pub model: Option<String>,
    /// On which dataset, where it is about one.
    pub dataset: Option<String>,
}

/// The stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Files from the Hub, and their checksums.
    Fetch,
    /// To MLX.
    Convert,
    /// Tokens, labels, and what was measured before.
    Plan,
    /// The arms at work.
    Measure,
}

impl Stage {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Convert => "convert",
            Self::Plan => "plan",
            Self::Measure => "measure",
        }
    }
}

/// The open file. It is locked as long as this lives, so that no second pipeline uses the same folder.
#[derive(Debug)]
pub struct EventLog {
    file: Mutex<File>,
}

impl EventLog {
    /// Begins anew: what an earlier pipeline wrote there is gone.
    pub(super) fn begin(folder: &Path, cells: Vec<CellName>) -> Result<Self, PipelineError> {
        create_dir(folder)?;
        let path = folder.join(EVENTS);
        let failed = |error| FileError::new("open", &path, error);
        let mut options = OpenOptions::new();
        options.append(true).create(true).custom_flags(NO_FOLLOW);
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(PipelineError::AtWork { folder: folder.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
        }
        file.set_len(0).map_err(failed)?;
        let log = Self { file: Mutex::new(file) };
        let me = me();
        log.write(PipelineEvent::Begun { pid: me.pid, command: me.command, cells });
        Ok(log)
    }

    /// Appends a line. What cannot be told is not: no report depends on it.
    pub(super) fn write(&self, event: PipelineEvent) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let unix_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let Ok(mut text) = serde_json::to_vec(&Line { unix_ns, event }) else { return };
        text.push(b'\n');
        if let Ok(mut file) = self.file.lock() {
            let _ = file.write_all(&text);
        }
    }
}
