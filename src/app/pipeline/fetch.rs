//! The files of models and datasets, several at once, and what the models are.

use std::sync::mpsc;

use gatecheck_judge::record::ModelFacts;

use super::{
    events::{EventLog, PipelineEvent, Stage, Work},
    order::Order,
    parallel::{Watch, side_by_side},
};
use crate::app::{
    error::AppError,
    event::Observer,
    plan::Original,
    prepare,
    source::{DatasetPlace, DatasetReference, ModelPlace, ModelReference, ModelSource},
};

/// A model whose files are here.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) source: ModelSource,
    pub(super) facts: ModelFacts,
}

enum Task<'a> {
    Model(&'a ModelReference),
    /// Rows that lie on the Hub.
    Rows(&'a DatasetReference),
}

/// Brings everything here. For each model of the order what it is, or why it is not here. Rows are read when they are
/// needed; those that cannot be had fail there.
pub(super) fn fetch(
    order: &Order,
    log: &EventLog,
    observer: &mut dyn Observer,
) -> Vec<Result<Fetched, AppError>> {
    let mut rows: Vec<&DatasetReference> = Vec::new();
    for (dataset, _) in order.requests.iter().flat_map(|request| &request.datasets) {
        let is_remote = matches!(dataset.place, DatasetPlace::Hub { .. });
        let is_known = |known: &&DatasetReference| {
            known.place == dataset.place && known.spec.split == dataset.spec.split
        };
        if is_remote && !rows.iter().any(is_known) {
            rows.push(dataset);
        }
    }
    let models = order.requests.iter().map(|request| Task::Model(&request.model));
    let tasks: Vec<_> = models.chain(rows.into_iter().map(Task::Rows)).collect();
    let done = side_by_side(order.jobs, &tasks, observer, |task, lines| one(task, order, log, lines));
    done.into_iter().flatten().collect()
}

fn one(
    task: &Task<'_>,
    order: &Order,
    log: &EventLog,
    lines: &mpsc::Sender<String>,
) -> Option<Result<Fetched, AppError>> {
    let (model, dataset) = match task {
        Task::Model(model) => (Some(model.name.clone()), None),
        Task::Rows(dataset) => (None, Some(dataset.spec.name.clone())),
    };
    let name = model.clone().or_else(|| dataset.clone()).unwrap_or_default();
    let work = Work { stage: Stage::Fetch, model, dataset };
    log.write(PipelineEvent::Started(work.clone()));
    let mut watch = Watch::new(log, work.clone());
    let (fetched, failure) = match task {
        Task::Model(model) => {
            let fetched = fetched(model, &mut watch);
            let failure = fetched.as_ref().err().map(ToString::to_string);
            (Some(fetched), failure)
        }
        Task::Rows(dataset) => {
            let read = prepare::dataset(dataset, &mut watch);
            (None, read.err().map(|error| error.to_string()))
        }
    };
    match failure {
        Some(message) => {
            let line = format!("{name}: {message}");
            order.place.log(&format!("conversion_{name}"), &line);
            let _ = lines.send(line);
            log.write(PipelineEvent::Failed { work, message });
        }
        None => log.write(PipelineEvent::Done { work, note: String::new() }),
    }
    fetched
}

fn fetched(model: &ModelReference, observer: &mut dyn Observer) -> Result<Fetched, AppError> {
    let original = Original::open(prepare::model(model, observer)?)?;
    let facts = original.facts()?;
    Ok(Fetched { source: original.source().clone(), facts })
}

/// Asks from now on for the very files that are here.
pub(super) fn pin(order: &mut Order, fetched: &[Result<Fetched, AppError>]) {
    for (request, fetched) in order.requests.iter_mut().zip(fetched) {
        if let (ModelPlace::Hub { revision, .. }, Ok(fetched)) = (&mut request.model.place, fetched) {
            revision.clone_from(&fetched.source.revision);
        }
    }
}
