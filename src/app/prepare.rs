//! Fetches what a run needs and makes its artefacts. The only place that downloads and converts.

use std::path::Path;

use gatecheck_base::{
    fs::{FileError, sha256_file},
    kind::ErrorKind,
};
use gatecheck_data::{
    dataset::{self, Dataset, DatasetError},
    hub::{DatasetFiles, Hub, HubError, HubSettings, Snapshot},
};
use gatecheck_model::{
    convert::{
        Artefact, ConvertError, Outcome, Plan, Recipe, Request, SHARD_BYTES, Stage, artefact_name, convert,
        plan,
    },
    files::companions,
};

use super::{
    disk::{self, Need, NoSpace},
    event::{Event, Observer},
    settings::Artefacts,
    source::{DatasetPlace, DatasetReference, ModelPlace, ModelReference, ModelSource},
    version::VERSION,
};

/// Why something a run needs is not there.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The Hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The Hub, asked for what reads as an id but may be a folder misspelt.
    #[error(transparent)]
    Guess(#[from] Guess),
    /// The dataset's rows.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The conversion.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Too little room for the conversion.
    #[error(transparent)]
    NoSpace(#[from] NoSpace),
    /// `--no-convert` without an artefact.
    #[error("MLX model not found at {folder}")]
    NotConverted {
        /// Where it should be.
        folder: String,
        /// The model's name.
        model: String,
        /// The bits asked for.
        bits: u32,
    },
    /// The artefact there was made from something else.
    #[error("the artefact at {folder} was made with another recipe or from other files")]
    Stale {
        /// Where it is.
        folder: String,
    },
}

/// What the Hub says to a word that reads as an id and may be a folder misspelt.
#[derive(Debug)]
pub struct Guess {
    word: String,
    error: HubError,
}

impl std::fmt::Display for Guess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(formatter)
    }
}

impl std::error::Error for Guess {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl PrepareError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Hub(error) => error.hint(),
            Self::Guess(Guess { word, error }) => {
                let hint = error.hint()?;
                Some(format!("there is no folder `{word}`; if a Hub id is meant, {hint}"))
            }
            Self::Dataset(error) => error.hint(),
            Self::Convert(error) => error.hint(),
            Self::File(_) => None,
            Self::NoSpace(error) => Some(error.hint()),
            Self::NotConverted { model, bits, .. } => Some(format!(
                "make sure to run conversion first: `gatecheck convert --model {model} --bits {bits}`, or leave out \
                 `--no-convert`"
            )),
            Self::Stale { .. } => Some("leave out `--no-convert`, or convert with `--no-skip`".to_owned()),
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Hub(error) => error.kind(),
            Self::Guess(guess) => guess.error.kind(),
            Self::Dataset(error) => error.kind(),
            Self::Convert(error) => error.kind(),
            Self::File(error) => error.kind(ErrorKind::Model),
            Self::NoSpace(_) => ErrorKind::Disk,
            Self::NotConverted { .. } | Self::Stale { .. } => ErrorKind::Usage,
        }
    }
}

/// A model's files, from the Hub if they are not here.
pub fn model(reference: &ModelReference, observer: &mut dyn Observer) -> Result<ModelSource, PrepareError> {
    let ModelReference { name, place, source } = reference.clone();
    let (folder, revision) = match place {
        ModelPlace::Folder(folder) => (folder, None),
        ModelPlace::Hub { id, revision, configured } => {
            let hub = Hub::new(HubSettings::from_env())?;
            let found = hub.model_snapshot(&id, revision.as_deref(), companions, &mut |at| {
                observer.on_event(&Event::At { task: at.file, done: at.received, total: at.total });
            });
            observer.on_event(&Event::Finished);
            let Snapshot { folder, revision } = found.map_err(|error| match configured {
                true => PrepareError::from(error),
                false => Guess { word: id, error }.into(),
            })?;
            (folder, Some(revision))
        }
    };
    Ok(ModelSource { name, folder, source, revision })
}

/// A dataset's rows, from the Hub if they are not here.
pub fn dataset(reference: &DatasetReference, observer: &mut dyn Observer) -> Result<Dataset, PrepareError> {
    let mut spec = reference.spec.clone();
    let files = match &reference.place {
        DatasetPlace::Files(files) => files.clone(),
        DatasetPlace::Hub { id, subset, revision } => {
            let hub = Hub::new(HubSettings::from_env())?;
            let found =
                hub.dataset_files(id, subset.as_deref(), &spec.split, revision.as_deref(), &mut |at| {
                    observer.on_event(&Event::At { task: at.file, done: at.received, total: at.total });
                });
            observer.on_event(&Event::Finished);
            let DatasetFiles { files, revision } = found?;
            spec.revision = Some(revision);
            files
        }
    };
    let mut dataset = dataset::load(&spec, &files)?;
    if let Some(part) = reference.part {
        dataset::keep(&mut dataset, part)?;
    }
    if let Some(limit) = reference.limit {
        dataset::limit(&mut dataset, limit);
    }
    Ok(dataset)
}

/// Where a conversion goes.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Folder of the converted models.
    pub output: &'a Path,
    /// The artefact's folder itself, where it is not to be named after model and recipe.
    pub folder: Option<&'a Path>,
    /// Whether to convert again, and over an artefact of another recipe.
    pub force: bool,
}

/// The artefact of this recipe, made if it is not there and may be made. Its files are what they were when it was
/// made.
pub fn artefact(
    model: &ModelSource,
    recipe: &Recipe,
    artefacts: &Artefacts,
    observer: &mut dyn Observer,
) -> Result<Artefact, PrepareError> {
    if artefacts.may_convert {
        let target = Target { output: &artefacts.folder, folder: None, force: false };
        let outcome = converted(model, recipe, target, observer)?;
        return Ok(Artefact::open(&outcome.folder)?);
    }
    let folder = artefacts.folder.join(artefact_name(&model.name, recipe)?);
    let shown = folder.display().to_string();
    if !folder.exists() {
        let (model, bits) = (model.name.clone(), recipe.bits());
        return Err(PrepareError::NotConverted { folder: shown, model, bits });
    }
    let artefact = Artefact::open(&folder)?;
    if !made_from(&artefact, model, recipe)? {
        return Err(PrepareError::Stale { folder: shown });
    }
    artefact.check_sums()?;
    Ok(artefact)
}

/// Converts a model, unless its artefact is there already; with `force` in any case. The artefact is made in `output`,
/// named after model and recipe, or is `folder` itself.
pub fn converted(
    model: &ModelSource,
    recipe: &Recipe,
    Target { output, folder, force }: Target<'_>,
    observer: &mut dyn Observer,
) -> Result<Outcome, PrepareError> {
    let mut request = Request::new(&model.folder, &model.name, output, recipe.clone(), VERSION);
    request.source_name = model.source.clone();
    request.revision = model.revision.clone();
    request.folder = folder.map(Path::to_owned);
    request.force = force;
    let place = match folder {
        Some(folder) => folder.to_owned(),
        None => output.join(artefact_name(&model.name, recipe)?),
    };
    if force || !place.exists() {
        let bytes = conversion(model, recipe)?.size_bytes();
        disk::check(&[Need { folder: &place, what: "the conversion", bytes }])?;
    }
    let outcome = convert(&request, &mut |at| {
        let task = match at.stage {
            Stage::Checksums => "checksums",
            Stage::Wait => "waiting for another conversion",
            Stage::Write => "converting",
            Stage::Verify => "verifying",
        };
        observer.on_event(&Event::At { task, done: at.done_bytes, total: at.total_bytes });
    });
    observer.on_event(&Event::Finished);
    Ok(outcome?)
}

/// What [`converted`] would do. Reads headers only and writes nothing.
pub fn conversion(model: &ModelSource, recipe: &Recipe) -> Result<Plan, PrepareError> {
    Ok(plan(&model.folder, recipe, SHARD_BYTES)?)
}

/// Whether an artefact is that of these files and this recipe. One without metadata, made by another
/// tool, cannot be told and is taken at its word.
fn made_from(artefact: &Artefact, model: &ModelSource, recipe: &Recipe) -> Result<bool, PrepareError> {
    let Some(metadata) = &artefact.metadata else { return Ok(true) };
    for (name, sha256) in &metadata.inputs {
        let path = model.folder.join(name);
        if !path.is_file() || sha256_file(&path)? != *sha256 {
            return Ok(false);
        }
    }
    Ok(recipe.sha256(&metadata.inputs) == metadata.recipe_sha256)
}
