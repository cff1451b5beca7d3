//! The model that is converted: its weights, its configuration and the files that go along.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::{FileError, read_text, sha256_file};
use serde::Deserialize;
use serde_json::Value;

use super::ConvertError;
use crate::{
    architecture::Architecture,
    config::{ConfigError, ModelConfig},
    weights::WeightStore,
};

/// Files of a tokenizer or of sentence-transformers that are copied as they are. Only names from this
/// list are: code (`*.py`) and pickles never are.
const COPIED: &[&str] = &[
    "added_tokens.json",
    "config_sentence_transformers.json",
    "merges.txt",
    "modules.json",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "spm.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
];

/// Whether a file of this name belongs to a model beside its weights: configuration or tokenizer.
pub fn is_companion(name: &str) -> bool {
    name == "config.json" || COPIED.contains(&name)
}

/// A model folder as `save_pretrained` writes it.
pub(super) struct Source {
    pub(super) folder: PathBuf,
    pub(super) store: WeightStore,
    pub(super) architecture: &'static Architecture,
    /// `config.json`.
    pub(super) config: Value,
    /// Files to copy, relative to the folder, with `/`, and their sizes.
    pub(super) copied: Vec<(String, u64)>,
}

impl Source {
    /// Opens headers and small files only.
    pub(super) fn open(folder: &Path) -> Result<Self, ConvertError> {
        let architecture = ModelConfig::open(folder)?.architecture;
        let config = parse(&folder.join("config.json"))?;
        let store = WeightStore::open(folder)?;
        let copied = copied(folder)?;
        Ok(Self { folder: folder.to_owned(), store, architecture, config, copied })
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
    let mut names: Vec<String> = COPIED.iter().map(|name| (*name).to_owned()).collect();
    let entries = std::fs::read_dir(folder).map_err(|error| FileError::new("list", folder, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| FileError::new("list", folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // `sentence_bert_config.json`, and its siblings for other architectures.
        if name.starts_with("sentence_") && name.ends_with("_config.json") {
            names.push(name);
        }
    }
    names.extend(module_files(folder)?);
    names.sort();
    let there = names.into_iter().filter(|name| folder.join(name).is_file());
    there
        .map(|name| {
            let size = file_size(&folder.join(&name))?;
            Ok((name, size))
        })
        .collect()
}

#[derive(Deserialize)]
struct Module {
    path: String,
}

/// The files of the modules after the encoder: pooling, dense layers.
fn module_files(folder: &Path) -> Result<Vec<String>, ConvertError> {
    let path = folder.join("modules.json");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let modules: Vec<Module> = parse(&path)?;
    let mut names = Vec::new();
    for Module { path: module } in modules.into_iter().filter(|module| !module.path.is_empty()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !module.chars().all(plain) {
            return Err(ConvertError::Module { path, module });
        }
        let pickle = folder.join(&module).join("pytorch_model.bin");
        if pickle.is_file() && !pickle.with_file_name("model.safetensors").is_file() {
            return Err(ConvertError::Pickle { path: pickle });
        }
        names.extend(["config.json", "model.safetensors"].map(|name| format!("{module}/{name}")));
    }
    Ok(names)
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ConvertError> {
    let malformed = |error: serde_json::Error| ConfigError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    Ok(serde_json::from_str(&read_text(path)?).map_err(malformed)?)
}

fn file_size(path: &Path) -> Result<u64, FileError> {
    let metadata = std::fs::metadata(path).map_err(|error| FileError::new("read", path, error))?;
    Ok(metadata.len())
}
