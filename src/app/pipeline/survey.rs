//! What a pipeline would do, found out before it does anything: the cells, what the Hub would have to send, the room
//! on the disk, and the time it may take.

use std::path::{Path, PathBuf};

use gatecheck_data::hub::{Hub, HubSettings};
use gatecheck_judge::{journal::JOURNAL, record::RECORD};
use gatecheck_model::{convert::artefact_name, files::companions};
use serde::{Deserialize, Serialize};

use super::{PipelineError, order::Order};
use crate::app::{
    disk::{self, Need},
    error::AppError,
    plan::{self, Arm, Weights},
    prepare::{self, PrepareError},
    run::Request,
    source::{DatasetPlace, DatasetReference, ModelPlace, ModelSource},
};

/// What a pipeline would do.
#[derive(Debug, Serialize)]
pub struct Survey {
    /// Every model.
    pub models: Vec<ModelLine>,
    /// Every cell.
    pub cells: Vec<CellLine>,
    /// What the Hub would have to send.
    pub downloads: Bytes,
    /// What the artefacts that are not there yet will take on the disk.
    pub conversions: Bytes,
    /// Seconds of measuring, of the cells of which that is known.
    pub seconds: f64,
    /// Cells of which no time is known.
    pub without_time: usize,
}

/// A sum, and what is missing from it.
#[derive(Debug, Default, Serialize)]
pub struct Bytes {
    /// Of what is known.
    pub known: u64,
    /// Names of which no size is known.
    pub unknown: Vec<String>,
}

impl Bytes {
    fn add(&mut self, name: &str, bytes: Option<u64>) {
        match bytes {
            Some(bytes) => self.known += bytes,
            None => self.unknown.push(name.to_owned()),
        }
    }
}

/// A model.
#[derive(Debug, Serialize)]
pub struct ModelLine {
    /// Its name.
    pub name: String,
    /// Where its files are, if they are here.
    pub folder: Option<PathBuf>,
    /// Its artefacts, in the order of the arms.
    pub artefacts: Vec<PathBuf>,
    /// How many of them are still to be made.
    pub to_convert: usize,
    /// Why it cannot be converted, where that shows already.
    pub problem: Option<String>,
}

/// A cell.
#[derive(Debug, Serialize)]
pub struct CellLine {
    /// The model.
    pub model: String,
    /// The dataset.
    pub dataset: String,
    /// The arms, the baseline first.
    pub arms: Vec<String>,
    /// Folder of its reports.
    pub folder: PathBuf,
    /// What is there of it.
    pub way: Way,
    /// Seconds that it will take, from what it or others of the model took before.
    pub seconds: Option<f64>,
}

/// What is there of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A record, which is kept if it is of the same content.
    Measured,
    /// A journal, which is gone on with.
    Begun,
    /// Nothing that counts.
    Fresh,
}

/// Looks at everything. Asks the Hub for sizes alone, and writes nothing. Fails where the disk has too little room.
pub fn survey(order: &Order) -> Result<Survey, PipelineError> {
    order.check()?;
    let mut survey = Survey {
        models: Vec::new(),
        cells: cells(order),
        downloads: Bytes::default(),
        conversions: Bytes::default(),
        seconds: 0.0,
        without_time: 0,
    };
    for cell in &survey.cells {
        survey.seconds += cell.seconds.unwrap_or(0.0);
        survey.without_time += usize::from(cell.seconds.is_none());
    }
    let hub = Hubs::new()?;
    for request in &order.requests {
        let line = model(request, &hub, &mut survey.downloads, &mut survey.conversions)?;
        survey.models.push(line);
    }
    rows(order, &hub, &mut survey.downloads);
    let artefacts = order.requests.first().map_or(Path::new("."), |request| &request.artefacts.folder);
    let needs = [
        Need { folder: &hub.cache, what: "downloads", bytes: survey.downloads.known },
        Need { folder: artefacts, what: "conversions", bytes: survey.conversions.known },
    ];
    disk::check(&needs)?;
    Ok(survey)
}

/// The Hub, and its cache alone.
struct Hubs {
    all: Hub,
    cached: Hub,
    cache: PathBuf,
}

impl Hubs {
    fn new() -> Result<Self, PipelineError> {
        let open = |settings| Hub::new(settings).map_err(|error| AppError::from(PrepareError::from(error)));
        let settings = HubSettings::from_env();
        let cache = settings.cache.clone();
        Ok(Self { all: open(settings.clone())?, cached: open(settings.cache_only())?, cache })
    }

    /// Where a model is in the cache; where it is not, it is to be downloaded.
    fn folder(&self, name: &str, id: &str, revision: Option<&str>, downloads: &mut Bytes) -> Option<PathBuf> {
        let cached = self.cached.model_snapshot(id, revision, companions, &mut |_| {}).ok();
        if cached.is_none() {
            downloads.add(name, self.all.model_bytes(id, revision, companions).ok().flatten());
        }
        cached.map(|snapshot| snapshot.folder)
    }
}

fn arms(request: &Request) -> Result<Vec<Arm>, AppError> {
    let Request { comparison, candidates, measuring, .. } = request;
    Ok(plan::arms(comparison, &candidates.references, measuring)?)
}

fn model(
    request: &Request,
    hub: &Hubs,
    downloads: &mut Bytes,
    conversions: &mut Bytes,
) -> Result<ModelLine, PipelineError> {
    let name = request.model.name.clone();
    let folder = match &request.model.place {
        ModelPlace::Folder(folder) => Some(folder.clone()),
        ModelPlace::Hub { id, revision, .. } => hub.folder(&name, id, revision.as_deref(), downloads),
    };
    let mut line = ModelLine { name, folder, artefacts: Vec::new(), to_convert: 0, problem: None };
    for arm in arms(request)? {
        let recipe = match arm.weights() {
            Weights::Original => continue,
            Weights::Converted(recipe) => recipe,
            Weights::Given(candidate) => {
                if let ModelPlace::Hub { id, revision, .. } = &candidate.place {
                    hub.folder(arm.name(), id, revision.as_deref(), downloads);
                }
                continue;
            }
        };
        let artefact =
            artefact_name(&line.name, recipe).map_err(|error| AppError::from(PrepareError::from(error)))?;
        let artefact = request.artefacts.folder.join(artefact);
        if !artefact.exists() {
            line.to_convert += 1;
            let planned = line.folder.as_ref().map(|folder| {
                let (name, source) = (line.name.clone(), request.model.source.clone());
                let source = ModelSource { name, folder: folder.clone(), source, revision: None };
                prepare::conversion(&source, recipe)
            });
            let bytes = match planned {
                Some(Err(error)) => {
                    line.problem = Some(error.to_string());
                    continue;
                }
                Some(Ok(plan)) => Some(plan.size_bytes()),
                None => None,
            };
            conversions.add(&artefact.display().to_string(), bytes);
        }
        line.artefacts.push(artefact);
    }
    Ok(line)
}

/// Adds what the datasets take that are not here.
fn rows(order: &Order, hub: &Hubs, downloads: &mut Bytes) {
    let mut seen: Vec<(&DatasetPlace, &str)> = Vec::new();
    for (dataset, _) in order.requests.iter().flat_map(|request| &request.datasets) {
        let DatasetReference { spec, place, .. } = dataset;
        let DatasetPlace::Hub { id, subset, revision } = place else { continue };
        if seen.contains(&(place, &spec.split)) {
            continue;
        }
        seen.push((place, &spec.split));
        let (subset, revision) = (subset.as_deref(), revision.as_deref());
        if hub.cached.dataset_files(id, subset, &spec.split, revision, &mut |_| {}).is_err() {
            downloads
                .add(&spec.name, hub.all.dataset_bytes(id, subset, &spec.split, revision).ok().flatten());
        }
    }
}

fn cells(order: &Order) -> Vec<CellLine> {
    let lines = order.requests.iter().flat_map(|request| {
        let arms = arms(request).unwrap_or_default();
        let arms: Vec<String> = arms.iter().map(|arm| arm.name().to_owned()).collect();
        let before: Vec<f64> =
            request.datasets.iter().filter_map(|(_, folder)| seconds_before(folder)).collect();
        let mean = (!before.is_empty()).then(|| before.iter().sum::<f64>() / before.len() as f64);
        let line = move |(dataset, folder): &(DatasetReference, PathBuf)| {
            let way = way(folder, order.again);
            let seconds = match way {
                Way::Measured => Some(0.0),
                Way::Begun | Way::Fresh => seconds_before(folder).or(mean),
            };
            CellLine {
                model: request.model.name.clone(),
                dataset: dataset.spec.name.clone(),
                arms: arms.clone(),
                folder: folder.clone(),
                way,
                seconds,
            }
        };
        request.datasets.iter().map(line).collect::<Vec<_>>()
    });
    lines.collect()
}

fn way(folder: &Path, again: bool) -> Way {
    if again {
        Way::Fresh
    } else if folder.join(JOURNAL).exists() {
        Way::Begun
    } else if folder.join(RECORD).exists() {
        Way::Measured
    } else {
        Way::Fresh
    }
}

/// How long the cell in a folder took, by its record.
fn seconds_before(folder: &Path) -> Option<f64> {
    #[derive(Deserialize)]
    struct Took {
        wall_ns: u64,
    }
    let text = std::fs::read(folder.join(RECORD)).ok()?;
    let Took { wall_ns } = serde_json::from_slice(&text).ok()?;
    Some(wall_ns as f64 / 1e9)
}
