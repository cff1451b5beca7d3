//! Everything up to the first measurement.

use gatecheck_backend::measure::machine::load;
use gatecheck_base::fs::{FileError, check_writable};
use gatecheck_judge::report::{Format, matrix::Lack};

use super::{
    PipelineError,
    cells::{self, Planned, State, lack},
    conversions::{self, Task},
    events::{CellName, EventLog, PipelineEvent, Stage, Work},
    fetch::{self, Fetched},
    order::Order,
    parallel::Watch,
};
use crate::app::{
    error::AppError,
    event::{Event, Observer},
};

/// A pipeline of which every cell is planned.
#[derive(Debug)]
pub struct Ready {
    pub(super) order: Order,
    pub(super) log: EventLog,
    /// In the order of [`Order::cells`].
    pub(super) states: Vec<State>,
}

/// Fetches and converts what is needed, and plans every cell. Nothing is measured.
pub fn prepare(mut order: Order, observer: &mut dyn Observer) -> Result<Ready, PipelineError> {
    let load_before = load();
    order.check()?;
    check_writable(&order.out)?;
    let log = EventLog::begin(order.place.folder(), names(&order))?;
    withdraw(&order)?;
    let fetched = fetch::fetch(&order, &log, observer);
    fetch::pin(&mut order, &fetched);
    let twins = twins(&order, &fetched);
    let failures = convert(&order, &fetched, &twins, &log, observer);
    let (mut states, mut contents) = (Vec::<State>::new(), Vec::<Option<String>>::new());
    for ((model, dataset), twin) in order.cells().into_iter().zip(&twins) {
        let planned = match (twin, &failures[model]) {
            (Some(twin), _) => Planned { state: State::Same(first(&states, *twin)), content: None },
            (None, Some(lack)) => Planned { state: State::Failed(lack.clone()), content: None },
            (None, None) => plan(&order, (model, dataset), load_before, &log, observer),
        };
        // Rows configured under two names.
        let known = planned
            .content
            .as_ref()
            .and_then(|content| contents.iter().position(|known| known.as_ref() == Some(content)));
        states.push(known.map_or(planned.state, State::Same));
        contents.push(planned.content);
    }
    Ok(Ready { order, log, states })
}

/// The cell that is measured in the stead of this one, which may be itself.
fn first(states: &[State], at: usize) -> usize {
    if let Some(State::Same(other)) = states.get(at) { *other } else { at }
}

/// The names of the cells.
pub(super) fn names(order: &Order) -> Vec<CellName> {
    let name = |(model, dataset): (usize, usize)| {
        let request = &order.requests[model];
        let (reference, folder) = &request.datasets[dataset];
        let (model, dataset) = (request.model.name.clone(), reference.spec.name.clone());
        CellName { model, dataset, folder: folder.clone() }
    };
    order.cells().into_iter().map(name).collect()
}

/// Removes an earlier matrix: until there is a new one, none must be taken for it.
fn withdraw(order: &Order) -> Result<(), PipelineError> {
    for format in Format::ALL {
        let path = order.out.join(format.matrix_file_name());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::new("remove", &path, error).into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// For each cell an earlier one that asks the same of a model with the same files.
fn twins(order: &Order, fetched: &[Result<Fetched, AppError>]) -> Vec<Option<usize>> {
    let cells = order.cells();
    let is_twin = |one: (usize, usize), other: (usize, usize)| {
        let (Ok(left), Ok(right)) = (&fetched[one.0], &fetched[other.0]) else { return false };
        let (first, second) = (&order.requests[one.0], &order.requests[other.0]);
        one.0 != other.0
            && (&left.facts.sha256, &left.facts.labels) == (&right.facts.sha256, &right.facts.labels)
            && (&first.comparison, &first.candidates) == (&second.comparison, &second.candidates)
            && first.policy == second.policy
            && first.datasets[one.1].0 == second.datasets[other.1].0
    };
    let twin = |at: usize| (0..at).find(|earlier| is_twin(cells[*earlier], cells[at]));
    (0..cells.len()).map(twin).collect()
}

/// Converts the models that have a cell of their own. For each model why it has no cells, if that is so.
fn convert(
    order: &Order,
    fetched: &[Result<Fetched, AppError>],
    twins: &[Option<usize>],
    log: &EventLog,
    observer: &mut dyn Observer,
) -> Vec<Option<Lack>> {
    let has_own = |model: usize| {
        order.cells().into_iter().zip(twins).any(|((of, _), twin)| of == model && twin.is_none())
    };
    let mut failures: Vec<_> = fetched.iter().map(|fetched| fetched.as_ref().err().map(lack)).collect();
    let (mut tasks, mut places) = (Vec::new(), Vec::new());
    for (model, fetched) in fetched.iter().enumerate() {
        if let (Ok(fetched), true) = (fetched, has_own(model)) {
            tasks.push(Task { request: &order.requests[model], source: &fetched.source });
            places.push(model);
        }
    }
    for (model, outcome) in places.into_iter().zip(conversions::convert(order, &tasks, log, observer)) {
        failures[model] = outcome.err().as_ref().map(lack);
    }
    failures
}

fn plan(
    order: &Order,
    (model, dataset): (usize, usize),
    load_before: Option<f64>,
    log: &EventLog,
    observer: &mut dyn Observer,
) -> Planned {
    let request = order.of_cell(model, dataset);
    let (name, rows) = (request.model.name.clone(), request.datasets[0].0.spec.name.clone());
    let work = Work { stage: Stage::Plan, model: Some(name.clone()), dataset: Some(rows.clone()) };
    log.write(PipelineEvent::Started(work.clone()));
    let planned = cells::plan(&request, order.again, load_before, &mut Watch::new(log, work.clone()));
    let note = match &planned.state {
        State::Failed(Lack { message, .. }) => {
            observer.on_event(&Event::Said { line: &format!("{name} on {rows}: {message}") });
            log.write(PipelineEvent::Failed { work, message: message.clone() });
            return planned;
        }
        State::Kept(_) => "measured already",
        State::Left(job) if job.is_resumed() => "to be gone on with",
        State::Left(_) => "to be measured",
        State::Same(_) => "the same as another",
    };
    log.write(PipelineEvent::Done { work, note: note.to_owned() });
    planned
}
