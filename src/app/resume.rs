//! A run that was killed, crashed or stopped, planned again from what its journal keeps.

use std::path::{Path, PathBuf};

use gatecheck_base::fs::FileError;
use gatecheck_judge::{
    journal::{self, Folded, JOURNAL, Journal, JournalError},
    record::RunRecord,
};

use super::{
    error::AppError,
    event::Observer,
    record::{self, RecordError},
    run::{self, Begun, Job, Request, Start},
    source::{DatasetPlace, ModelPlace},
};

/// A run that was begun and is not finished.
#[derive(Debug)]
pub struct Unfinished {
    /// Where the program has to run for the paths of its request to hold.
    pub working_folder: PathBuf,
    request: Request,
    journal: Journal,
    so_far: Box<RunRecord>,
}

/// The run in `folder` that was begun and not finished; nothing if there is none, or if it is finished after all.
pub fn unfinished(folder: &Path) -> Result<Option<Unfinished>, AppError> {
    if !journal::exists(folder) {
        return Ok(None);
    }
    let (journal, Folded { record, run, .. }) = Journal::resume(folder).map_err(RecordError::from)?;
    if !record.interrupted {
        // It ended between its last line and its record.
        record::settle(journal, folder)?;
        return Ok(None);
    }
    let Begun { working_folder, mut request } = serde_json::from_value(run).map_err(|error| {
        let (path, reason) = (folder.join(JOURNAL), error.to_string());
        RecordError::from(JournalError::Damaged { path, line: 1, reason })
    })?;
    let out = std::path::absolute(folder).map_err(|error| FileError::new("find", folder, error))?;
    pin(&mut request, &record, &out);
    Ok(Some(Unfinished { working_folder, request, journal, so_far: Box::new(record) }))
}

/// Asks for the very files that a record tells of, not for those that the Hub has by now.
fn pin(request: &mut Request, record: &RunRecord, out: &Path) {
    if let ModelPlace::Hub { revision, .. } = &mut request.model.place {
        revision.clone_from(&record.model.revision);
    }
    for (dataset, folder) in &mut request.datasets {
        if let DatasetPlace::Hub { revision, .. } = &mut dataset.place {
            revision.clone_from(&record.dataset.revision);
        }
        out.clone_into(folder);
    }
}

/// Plans the rest of a run: one job.
pub fn plan(unfinished: Unfinished, observer: &mut dyn Observer) -> Result<Vec<Job>, AppError> {
    let Unfinished { working_folder: _, request, journal, so_far } = unfinished;
    let cells = run::cells(&request, observer)?;
    let mut start = Some(Start::Resumed(journal, so_far));
    let jobs = cells
        .into_iter()
        .zip(request.datasets)
        .filter_map(|(cell, (_, out))| start.take().map(|start| Job { cell, out, start }));
    Ok(jobs.collect())
}
