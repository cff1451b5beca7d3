//! The original model of a run.

use std::path::Path;

use gatecheck_base::fs::{sha256, sha256_file, size_of_files};
use gatecheck_judge::record::ModelFacts;
use gatecheck_model::{checkpoint::Checkpoint, config::ModelConfig, weights::weight_files};

use super::error::PlanError;
use crate::app::source::ModelSource;

/// A model folder, opened.
#[derive(Debug)]
pub struct Original {
    pub(super) config: ModelConfig,
    source: ModelSource,
    parameters: u64,
}

impl Original {
    /// Opens a model that is not quantized yet, and looks whether its weights are those of its configuration.
    pub fn open(source: ModelSource) -> Result<Self, PlanError> {
        let config = ModelConfig::open(&source.folder)?;
        if config.quantization.is_some() {
            return Err(PlanError::AlreadyQuantized { folder: source.folder.display().to_string() });
        }
        let parameters = Checkpoint::open(&source.folder, &config)?.parameters();
        Ok(Self { config, source, parameters })
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
        let mut checksums = sha256_file(&folder.join("config.json"))?;
        for file in weight_files(folder)? {
            checksums += &sha256_file(&file)?;
        }
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
