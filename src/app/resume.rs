//! A run that was killed, crashed or stopped, planned again from what its journal keeps.

use std::path::{Path, PathBuf};

use gatecheck_base::fs::FileError;
use gatecheck_judge::{
    journal::{self, Folded, JOURNAL, Journal, JournalError},
    record::{ModelFacts, RunRecord},
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
        record::conclude(journal, folder)?;
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

/// Plans the rest of a run: one job. Refuses where anything is not what it was when the run began; a model that
/// changed is named before it would be converted.
pub fn plan(unfinished: Unfinished, observer: &mut dyn Observer) -> Result<Vec<Job>, AppError> {
    let Unfinished { working_folder: _, request, journal, so_far } = unfinished;
    let Some((_, out)) = request.datasets.first().cloned() else { return Ok(Vec::new()) };
    let is_known = |facts: &ModelFacts| {
        let changed = || RecordError::Changed { folder: out.clone(), what: "the model".to_owned() };
        if *facts == so_far.model { Ok(()) } else { Err(changed().into()) }
    };
    let Some(cell) = run::cells(&request, is_known, observer)?.into_iter().next() else {
        return Ok(Vec::new());
    };
    record::check_unchanged(&so_far, &cell, &out)?;
    Ok(vec![Job { cell, out, start: Start::Resumed(journal, so_far) }])
}
