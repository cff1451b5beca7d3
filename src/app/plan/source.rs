//! The original model of a run.

use std::path::{Path, PathBuf};

use gatecheck_base::fs::{sha256, sha256_file, size_of_files};
use gatecheck_judge::record::ModelFacts;
use gatecheck_model::{checkpoint::Checkpoint, config::ModelConfig, weights::weight_files};

use super::PlanError;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSource {
    /// Name as given or configured; artefacts are named after it.
    pub name: String,
    /// Its files.
    pub folder: PathBuf,
    /// Folder or Hub id, for the record.
    pub source: String,
    /// Commit on the Hub.
    pub revision: Option<String>,
}

/// A model folder, opened.
pub(super) struct Original {
    pub(super) config: ModelConfig,
    parameters: u64,
}

impl Original {
    pub(super) fn open(model: &ModelSource) -> Result<Self, PlanError> {
        let config = ModelConfig::open(&model.folder)?;
        let parameters = Checkpoint::open(&model.folder, &config)?.parameters();
        Ok(Self { config, parameters })
    }

    pub(super) fn facts(&self, model: &ModelSource) -> Result<ModelFacts, PlanError> {
        let mut checksums = sha256_file(&model.folder.join("config.json"))?;
        for file in weight_files(&model.folder)? {
            checksums += &sha256_file(&file)?;
        }
        Ok(ModelFacts {
            name: model.name.clone(),
            source: model.source.clone(),
            revision: model.revision.clone(),
            architecture: self.config.architecture.name().to_owned(),
            sha256: sha256(checksums.as_bytes()),
            parameters: self.parameters,
            labels: self.config.labels.clone(),
        })
    }
}

/// Size in bytes of the files that running the original needs: weights, configuration, tokenizer.
/// Fails where there are no weights.
pub fn baseline_bytes(folder: &Path) -> Result<u64, PlanError> {
    let weights: Vec<_> =
        weight_files(folder)?.iter().filter_map(|path| path.file_name()).map(Into::into).collect();
    let needed = |name: &str| {
        weights.iter().any(|weight: &std::ffi::OsString| weight == name)
            || gatecheck_model::convert::is_companion(name)
    };
    Ok(size_of_files(folder, needed)?)
}
