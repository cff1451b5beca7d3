//! What is configured, gathered with what is in the Hub's cache and among the converted models. Asks
//! no network.

use std::path::{Path, PathBuf};

use gatecheck_base::text::megabytes;
use gatecheck_data::hub::{Hub, HubSettings};
use gatecheck_model::{config::ModelConfig, convert::Artefact, files::companions};
use serde::Serialize;

use super::{
    config::{
        Config, DatasetEntry, ModelEntry, Place,
        datasets::{ColumnsEntry, Provider},
    },
    defaults,
    error::AppError,
    plan::baseline_bytes,
    prepare::PrepareError,
};

/// A configured model.
#[derive(Debug, Serialize)]
pub struct ModelLine {
    /// Name on the command line.
    pub name: String,
    /// Id on the Hub.
    pub hub_id: String,
    /// Commit, tag or branch.
    pub revision: Option<String>,
    /// What it is for.
    pub task: String,
    /// `model_type`, known once the model is cached.
    pub architecture: Option<String>,
    /// Why a cached model cannot be run by this version.
    pub problem: Option<String>,
    /// Bits per weight of its artefact.
    pub bits: u32,
    /// Weights per scale.
    pub group_size: u32,
    /// `null` for the size computed from the recipe.
    pub target_size_mb: Option<f64>,
    /// Largest allowed drop of the metric that is judged.
    pub max_accuracy_drop: Option<f64>,
    /// Datasets it is measured on.
    pub benchmarks: Vec<String>,
    /// Its files, if they are here.
    pub cached: Option<Stored>,
    /// Its artefacts.
    pub converted: Vec<Stored>,
    /// File and line.
    pub configured_in: String,
}

/// A configured dataset.
#[derive(Debug, Serialize)]
pub struct DatasetLine {
    /// Name on the command line.
    pub name: String,
    /// `huggingface` or `local`.
    pub provider: &'static str,
    /// Id on the Hub, or file.
    pub source: String,
    /// Its configuration on the Hub.
    pub subset: Option<String>,
    /// What is asked, where that is known.
    pub task: Option<String>,
    /// Text, pair and label, where they are named.
    pub columns: Vec<String>,
    /// Class names in the order of the numbers in the files.
    pub labels: Vec<String>,
    /// The split that is measured.
    pub split: String,
    /// All configured splits.
    pub splits: Vec<String>,
    /// The splits that are here.
    pub cached: Vec<Stored>,
    /// File and line.
    pub configured_in: String,
}

/// Something on disk.
#[derive(Debug, Serialize)]
pub struct Stored {
    /// `q8`, or a split, or the commit.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Size in MB (10^6 bytes).
    pub size_mb: f64,
}

/// The Hub's cache alone.
fn cache() -> Result<Hub, AppError> {
    let settings = HubSettings::from_env().cache_only();
    Ok(Hub::new(settings).map_err(PrepareError::from)?)
}

/// All configured models, with their artefacts in `output_dir`.
pub fn model_lines(config: &Config, output_dir: &Path) -> Result<Vec<ModelLine>, AppError> {
    let hub = cache()?;
    Ok(config.models().map(|(place, model)| model_line(place, model, output_dir, &hub)).collect())
}

fn model_line(place: &Place, model: &ModelEntry, output_dir: &Path, hub: &Hub) -> ModelLine {
    let snapshot =
        hub.model_snapshot(&model.hf_name, model.revision.as_deref(), companions, &mut |_| {}).ok();
    let opened = snapshot.as_ref().map(|snapshot| ModelConfig::open(&snapshot.folder));
    let (architecture, problem) = match opened {
        Some(Ok(config)) => (Some(config.architecture.name().to_owned()), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, None),
    };
    let cached = snapshot.map(|snapshot| Stored {
        size_mb: megabytes(baseline_bytes(&snapshot.folder).unwrap_or(0)),
        name: snapshot.revision,
        path: snapshot.folder,
    });
    ModelLine {
        name: model.name.clone(),
        hub_id: model.hf_name.clone(),
        revision: model.revision.clone(),
        task: model.task.clone(),
        architecture,
        problem,
        bits: model.quantization.bits.unwrap_or(defaults::BITS),
        group_size: model.quantization.group_size.unwrap_or(defaults::GROUP_SIZE),
        target_size_mb: model.quantization.target_mb(),
        max_accuracy_drop: model.quantization.max_accuracy_drop,
        benchmarks: model.benchmarks.clone(),
        cached,
        converted: converted(&model.name, output_dir),
        configured_in: place.to_string().replace('`', ""),
    }
}

/// The artefacts of a model, by their names.
fn converted(model: &str, output_dir: &Path) -> Vec<Stored> {
    let entries = std::fs::read_dir(output_dir).into_iter().flatten().flatten();
    let prefix = format!("{model}-mlx-");
    let found = entries.filter_map(|entry| {
        let name = entry.file_name().to_str()?.strip_prefix(&prefix)?.to_owned();
        let size_bytes = Artefact::open(&entry.path()).ok()?.size_bytes;
        Some(Stored { name, path: entry.path(), size_mb: megabytes(size_bytes) })
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

/// All configured datasets.
pub fn dataset_lines(config: &Config) -> Result<Vec<DatasetLine>, AppError> {
    let hub = cache()?;
    Ok(config.datasets().map(|(name, place, dataset)| dataset_line(name, place, dataset, &hub)).collect())
}

fn dataset_line(name: &str, place: &Place, dataset: &DatasetEntry, hub: &Hub) -> DatasetLine {
    let ColumnsEntry { text, pair, label } = dataset.columns.clone();
    let default_split = dataset.default_split().to_owned();
    let mut splits: Vec<String> = dataset.splits.values().cloned().collect();
    if splits.is_empty() {
        splits.push(default_split.clone());
    }
    let here = |split: &String| {
        let files = match dataset.provider {
            Provider::Local => vec![PathBuf::from(&dataset.name)],
            Provider::Huggingface => {
                let (subset, revision) = (dataset.subset.as_deref(), dataset.revision.as_deref());
                hub.dataset_files(&dataset.name, subset, split, revision, &mut |_| {}).ok()?.files
            }
        };
        let sizes: Option<Vec<u64>> =
            files.iter().map(|file| Some(std::fs::metadata(file).ok()?.len())).collect();
        let path = files.first()?.clone();
        Some(Stored { name: split.clone(), path, size_mb: megabytes(sizes?.iter().sum()) })
    };
    let task = dataset.task.clone().or_else(|| Some(dataset.task()?.word().to_owned()));
    DatasetLine {
        name: name.to_owned(),
        provider: match dataset.provider {
            Provider::Huggingface => "huggingface",
            Provider::Local => "local",
        },
        source: dataset.name.clone(),
        subset: dataset.subset.clone(),
        task,
        columns: [text, pair, label].into_iter().flatten().collect(),
        labels: dataset.label_names.clone().unwrap_or_default(),
        cached: splits.iter().filter_map(here).collect(),
        split: default_split,
        splits,
        configured_in: place.to_string().replace('`', ""),
    }
}
