//! The model that is converted: its weights, its configuration and the files that go along.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::{FileError, read_text, sha256, sha256_file, sha256_open};
use serde_json::Value;

use super::ConvertError;
use crate::{
    config::ModelConfig,
    files::companions,
    json, pooling,
    weights::{WeightStore, weight_files},
};

/// A model folder as `save_pretrained` writes it.
pub(super) struct Source {
    pub(super) folder: PathBuf,
    pub(super) store: WeightStore,
    /// What `config.json` and its neighbours say.
    pub(super) model: ModelConfig,
    /// `config.json`.
    pub(super) config: Value,
    /// Checksum of the text that `config` was read from.
    config_sha256: String,
    /// Files to copy, relative to the folder, with `/`, and their sizes.
    pub(super) copied: Vec<(String, u64)>,
}

impl Source {
    /// Opens headers and small files only.
    pub(super) fn open(folder: &Path) -> Result<Self, ConvertError> {
        let model = ModelConfig::open(folder)?;
        let path = folder.join("config.json");
        let text = read_text(&path)?;
        let config = json::parse(&text, &path)?;
        let store = WeightStore::open(folder)?;
        for place in model.head.iter().flat_map(pooling::weight_folders) {
            weight_files(&folder.join(place))?;
        }
        let copied = copied(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            store,
            model,
            config,
            config_sha256: sha256(text.as_bytes()),
            copied,
        })
    }

    /// SHA-256 of everything that the artefact depends on, by name: of what is open, not of what may lie at the same
    /// place by now.
    pub(super) fn checksums(
        &self,
        mut on_bytes: impl FnMut(u64, u64),
    ) -> Result<BTreeMap<String, String>, ConvertError> {
        let weights: Vec<_> = self.store.opened().collect();
        let total = weights.iter().map(|(_, _, size)| size).sum::<u64>();
        let mut checksums = self.small_checksums()?;
        let mut done = 0;
        for (path, file, size) in weights {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            checksums.insert(name, sha256_open(file, path)?);
            done += size;
            on_bytes(done, total);
        }
        Ok(checksums)
    }

    /// Those of all files but the weights.
    pub(super) fn small_checksums(&self) -> Result<BTreeMap<String, String>, ConvertError> {
        let mut checksums = BTreeMap::from([("config.json".to_owned(), self.config_sha256.clone())]);
        for (name, _) in &self.copied {
            checksums.insert(name.clone(), sha256_file(&self.folder.join(name))?);
        }
        Ok(checksums)
    }
}

fn copied(folder: &Path) -> Result<Vec<(String, u64)>, ConvertError> {
    let others = companions(folder).into_iter().filter(|name| name != "config.json");
    let there = others.filter(|name| folder.join(name).is_file());
    there
        .map(|name| {
            let size = file_size(&folder.join(&name))?;
            Ok((name, size))
        })
        .collect()
}

fn file_size(path: &Path) -> Result<u64, FileError> {
    let metadata = std::fs::metadata(path).map_err(|error| FileError::new("read", path, error))?;
    Ok(metadata.len())
}
