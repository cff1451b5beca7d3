//! A run that was killed, crashed or stopped, planned again from what its journal keeps.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gatecheck_backend::measure::machine::load;
use gatecheck_base::fs::FileError;
use gatecheck_judge::{
    journal::{Folded, JOURNAL, Journal, JournalError},
    record::{ModelFacts, RunRecord},
};

use super::{
    error::AppError,
    event::Observer,
    record::{self, RecordError},
    run::{self, Begun, Job, Request, Start},
    source::{DatasetPlace, ModelPlace},
    version::VERSION,
};

/// After a pause this long, nothing of gatecheck's own work is left in the load average of one minute.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// A run that was begun and is not finished.
#[derive(Debug)]
pub struct Unfinished {
    /// Where the program has to run for the paths of its request to hold.
    pub working_folder: PathBuf,
    request: Request,
    journal: Journal,
    so_far: Box<RunRecord>,
    load_before: Option<f64>,
}

impl Unfinished {
    /// Seconds after which the run gives up an arm that gives no answer.
    pub fn timeout_s(&self) -> u64 {
        self.request.measuring.timeout_s
    }

    /// Gives up what was measured.
    pub(super) fn discard(self) -> Result<(), AppError> {
        Ok(self.journal.remove()?)
    }
}

/// The run in `folder` that was begun and not finished; nothing if there is none, or if it is finished after all.
pub fn unfinished(folder: &Path) -> Result<Option<Unfinished>, AppError> {
    // The program is about to change to the folder where the run began.
    let folder = std::path::absolute(folder).map_err(|error| FileError::new("find", folder, error))?;
    let (journal, folded) = match Journal::resume(&folder) {
        Err(error) if record::is_absent(&error) => return Ok(None),
        resumed => resumed.map_err(RecordError::from)?,
    };
    let Folded { record, run, last_unix_ns, .. } = folded;
    if !record.interrupted {
        // It ended between its last line and its record.
        let record = record::conclude(&folder)?;
        record::close(journal, &record, &folder)?;
        return Ok(None);
    }
    if record.tool_version != VERSION {
        let begun_with = record.tool_version;
        return Err(RecordError::OtherVersion { folder, begun_with }.into());
    }
    let Begun { working_folder, mut request } = serde_json::from_value(run).map_err(|error| {
        let (path, reason) = (folder.join(JOURNAL), error.to_string());
        RecordError::from(JournalError::Damaged { path, line: 1, reason })
    })?;
    pin(&mut request, &record, &folder);
    let load_before = load_of_others(last_unix_ns);
    Ok(Some(Unfinished { working_folder, request, journal, so_far: Box::new(record), load_before }))
}

/// The load average now, if gatecheck has been idle since `last_unix_ns` for long enough.
fn load_of_others(last_unix_ns: u64) -> Option<f64> {
    let last = UNIX_EPOCH + Duration::from_nanos(last_unix_ns);
    let pause = SystemTime::now().duration_since(last).unwrap_or_default();
    if pause >= FORGOTTEN { load() } else { None }
}

/// Asks for the very files that a record tells of, not for those that the Hub has by now.
fn pin(request: &mut Request, record: &RunRecord, out: &Path) {
    if let ModelPlace::Hub { revision, .. } = &mut request.model.place {
        revision.clone_from(&record.model.revision);
    }
    let given = record.arms.iter().filter_map(|arm| arm.given.as_ref());
    for (reference, given) in request.candidates.references.iter_mut().zip(given) {
        if let ModelPlace::Hub { revision, .. } = &mut reference.place {
            revision.clone_from(&given.revision);
        }
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
    let Unfinished { working_folder: _, request, journal, so_far, load_before } = unfinished;
    let Some((_, out)) = request.datasets.first().cloned() else { return Ok(Vec::new()) };
    let is_known = |facts: &ModelFacts| {
        let changed = || RecordError::Changed { folder: out.clone(), what: "the model".to_owned() };
        if *facts == so_far.model { Ok(()) } else { Err(changed().into()) }
    };
    let Some(cell) = run::cells(&request, load_before, is_known, observer)?.into_iter().next() else {
        return Ok(Vec::new());
    };
    record::check_unchanged(&so_far, &cell, &out)?;
    Ok(vec![Job { cell, out, start: Start::Resumed(journal, so_far) }])
}

/// Plans the rest of a run as `request` has it, which must come to what the run began with.
pub(super) fn plan_as(
    unfinished: Unfinished,
    request: &Request,
    observer: &mut dyn Observer,
) -> Result<Vec<Job>, AppError> {
    let out = request.datasets.first().map(|(_, out)| out.clone()).unwrap_or_default();
    let mut request = request.clone();
    pin(&mut request, &unfinished.so_far, &out);
    plan(Unfinished { request, ..unfinished }, observer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_right_after_a_kill_is_gatecheck_s_own() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ago = |seconds| load_of_others((now - Duration::from_secs(seconds)).as_nanos() as u64);
        assert_eq!([ago(0), ago(100)], [None, None]);
        assert!(ago(121).is_some());
    }
}
