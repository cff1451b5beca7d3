//! The artefacts of all models, several at once.

use std::{sync::mpsc, time::Instant};

use gatecheck_base::text::{duration, megabytes};
use gatecheck_model::convert::Recipe;
use serde::Serialize;

use super::{
    events::{EventLog, PipelineEvent, Stage, Work},
    order::Order,
    parallel::{Watch, side_by_side},
};
use crate::app::{
    error::AppError,
    event::Observer,
    plan::{self, Weights},
    prepare::{self, Target},
    run::Request,
    source::ModelSource,
};

/// The conversions of one model.
pub(super) struct Task<'a> {
    pub(super) request: &'a Request,
    pub(super) source: &'a ModelSource,
}

/// One conversion, as `results/<model>_conversion.json` tells it.
#[derive(Debug, Serialize)]
pub(super) struct Converted {
    folder: String,
    recipe: Recipe,
    recipe_sha256: String,
    /// Whether it was there already.
    skipped: bool,
    seconds: f64,
    source_bytes: u64,
    size_bytes: u64,
}

/// `results/<model>_conversion.json`.
#[derive(Debug, Serialize)]
struct Told<'a> {
    model: &'a str,
    source: &'a str,
    revision: Option<&'a str>,
    converted: &'a [Converted],
    error: Option<String>,
}

/// Makes what the arms of each model need, and tells of it in the results. For each task an error where it failed;
/// without leave to convert, nothing is done.
pub(super) fn convert(
    order: &Order,
    tasks: &[Task<'_>],
    log: &EventLog,
    observer: &mut dyn Observer,
) -> Vec<Result<(), AppError>> {
    side_by_side(order.jobs, tasks, observer, |task, lines| {
        let mut converted = Vec::new();
        let outcome = all(order, task, &mut converted, log, lines);
        if let Err(error) = &outcome {
            let line = format!("{}: {error}", task.source.name);
            order.place.log(&format!("conversion_{}", task.source.name), &line);
            let _ = lines.send(line);
        }
        tell(order, task, &converted, outcome.as_ref().err());
        outcome
    })
}

fn all(
    order: &Order,
    task: &Task<'_>,
    converted: &mut Vec<Converted>,
    log: &EventLog,
    lines: &mpsc::Sender<String>,
) -> Result<(), AppError> {
    let Request { comparison, candidates, measuring, artefacts, .. } = task.request;
    if !artefacts.may_convert {
        return Ok(());
    }
    for arm in plan::arms(comparison, &candidates.references, measuring)? {
        let Weights::Converted(recipe) = arm.weights() else { continue };
        let work = Work { stage: Stage::Convert, model: Some(task.source.name.clone()), dataset: None };
        log.write(PipelineEvent::Started(work.clone()));
        match one(task, recipe, &mut Watch::new(log, work.clone())) {
            Ok(done) => {
                let note = note(&done);
                let line = format!("{}: {note}", task.source.name);
                order.place.log(&format!("conversion_{}", task.source.name), &line);
                if !done.skipped {
                    let _ = lines.send(line);
                }
                log.write(PipelineEvent::Done { work, note });
                converted.push(done);
            }
            Err(error) => {
                log.write(PipelineEvent::Failed { work, message: error.to_string() });
                return Err(error);
            }
        }
    }
    Ok(())
}

fn one(task: &Task<'_>, recipe: &Recipe, observer: &mut dyn Observer) -> Result<Converted, AppError> {
    let start = Instant::now();
    let target = Target { output: &task.request.artefacts.folder, folder: None, force: false };
    let outcome = prepare::converted(task.source, recipe, target, observer)?;
    Ok(Converted {
        folder: outcome.folder.display().to_string(),
        recipe: recipe.clone(),
        recipe_sha256: outcome.recipe_sha256,
        skipped: outcome.skipped,
        seconds: start.elapsed().as_secs_f64(),
        source_bytes: outcome.plan.source_bytes(),
        size_bytes: outcome.plan.size_bytes(),
    })
}

fn note(done: &Converted) -> String {
    let (size, folder) = (megabytes(done.size_bytes), &done.folder);
    if done.skipped {
        return format!("already converted: {folder} ({size:.2} MB)");
    }
    format!("converted: {folder} ({size:.2} MB, {})", duration(done.seconds))
}

/// Written again only where something was done, so that a later start leaves the times of the first.
fn tell(order: &Order, task: &Task<'_>, converted: &[Converted], error: Option<&AppError>) {
    let path = order.place.file("results", &task.source.name, "_conversion.json");
    if error.is_none() && converted.iter().all(|done| done.skipped) && path.exists() {
        return;
    }
    let ModelSource { name, source, revision, .. } = task.source;
    let told = Told {
        model: name,
        source,
        revision: revision.as_deref(),
        converted,
        error: error.map(|e| e.to_string()),
    };
    super::outputs::write(&path, &told);
}
