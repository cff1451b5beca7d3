//! The original model of a run.

use std::path::{Path, PathBuf};

use gatecheck_base::{
    fs::{FileError, sha256, sha256_file},
    stamp::Stamp,
};
use gatecheck_judge::record::ModelFacts;
use gatecheck_model::{checkpoint::Checkpoint, config::ModelConfig, files::model_files};

use super::error::PlanError;
use crate::app::source::ModelSource;

/// A model folder, opened.
#[derive(Debug)]
pub struct Original {
    pub(super) config: ModelConfig,
    source: ModelSource,
    parameters: u64,
    /// Of its files, from before their checksums.
    pub(super) files: Vec<Stamp>,
}

/// What the files of a model look like before anything reads them.
pub(super) fn stamps(folder: &Path) -> Result<Vec<Stamp>, PlanError> {
    Ok(model_files(folder)?.iter().map(|file| Stamp::of(file)).collect::<Result<_, _>>()?)
}

impl Original {
    /// Opens a model that is not quantized yet, and looks whether its weights are those of its configuration.
    pub fn open(source: ModelSource) -> Result<Self, PlanError> {
        let config = ModelConfig::open(&source.folder)?;
        if config.quantization.is_some() {
            return Err(PlanError::AlreadyQuantized { folder: source.folder.display().to_string() });
        }
        let parameters = Checkpoint::open(&source.folder, &config)?.parameters();
        let files = stamps(&source.folder)?;
        Ok(Self { config, source, parameters, files })
    }

    /// Where it is.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    pub(super) fn folder(&self) -> &Path {
        &self.source.folder
    }

    /// What the record says of it. Reads all its files, for their checksums.
    pub fn facts(&self) -> Result<ModelFacts, PlanError> {
        let ModelSource { name, folder, source, revision } = &self.source;
        let checksums =
            model_files(folder)?.iter().map(|file| sha256_file(file)).collect::<Result<String, _>>()?;
        Ok(ModelFacts {
            name: name.clone(),
            source: source.clone(),
            revision: revision.clone(),
            architecture: self.config.architecture.name().to_owned(),
            sha256: sha256(checksums.as_bytes()),
            parameters: self.parameters,
            labels: self.config.labels.clone(),
        })
    }
}

/// Size in bytes of the files that running the original needs: weights, configuration, tokenizer, modules.
/// Fails where there are no weights.
pub fn baseline_bytes(folder: &Path) -> Result<u64, PlanError> {
    let length = |path: &PathBuf| match path.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) => Err(FileError::new("read", path, error)),
    };
    Ok(model_files(folder)?.iter().map(length).sum::<Result<_, _>>()?)
}
