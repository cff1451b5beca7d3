//! The model that is converted: its weights, its configuration and the files that go along.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::{FileError, sha256_file};
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
    /// Files to copy, relative to the folder, with `/`, and their sizes.
    pub(super) copied: Vec<(String, u64)>,
}

impl Source {
    /// Opens headers and small files only.
    pub(super) fn open(folder: &Path) -> Result<Self, ConvertError> {
        let model = ModelConfig::open(folder)?;
        let config = json::read(&folder.join("config.json"))?;
        let store = WeightStore::open(folder)?;
        for place in model.head.iter().flat_map(pooling::weight_folders) {
            weight_files(&folder.join(place))?;
        }
        let copied = copied(folder)?;
        Ok(Self { folder: folder.to_owned(), store, model, config, copied })
    }

    /// SHA-256 of everything that the artefact depends on, by name.
    pub(super) fn checksums(
        &self,
        mut on_file: impl FnMut(u64, u64),
    ) -> Result<BTreeMap<String, String>, ConvertError> {
        let mut paths = vec![self.folder.join("config.json")];
        paths.extend(self.store.files().into_iter().map(Path::to_owned));
        paths.extend(self.copied.iter().map(|(name, _)| self.folder.join(name)));
        let sizes = paths.iter().map(|path| file_size(path)).collect::<Result<Vec<_>, _>>()?;
        let (mut done, total) = (0, sizes.iter().sum());
        let mut checksums = BTreeMap::new();
        for (path, size) in paths.iter().zip(sizes) {
            let name = path.strip_prefix(&self.folder).unwrap_or(path);
            checksums.insert(name.to_string_lossy().replace('\\', "/"), sha256_file(path)?);
            done += size;
            on_file(done, total);
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
