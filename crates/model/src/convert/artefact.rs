//! A converted model on disk.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::{FileError, read_text, sha256_file};

use rayon::prelude::*;

use super::{ConvertError, METADATA_FILE, Metadata, Written, metadata::SCHEMA_VERSION};
use crate::{
    config::ModelConfig, files::model_files, quantization::QuantizationConfig, weights::weight_files,
};

/// A folder that was found to be a converted model. One that another tool made has no metadata.
#[derive(Debug, Clone)]
pub struct Artefact {
    /// Where it is.
    pub folder: PathBuf,
    /// How its weights are quantized, from `config.json`; `None` for plain floats.
    pub quantization: Option<QuantizationConfig>,
    /// How it was made, if gatecheck made it.
    pub metadata: Option<Metadata>,
    /// Its size in bytes on disk, without `conversion_metadata.json`, read-mes and hidden files.
    pub size_bytes: u64,
}

impl Artefact {
    /// Opens a folder and checks that it is whole: files and lengths, not checksums ([`Artefact::check_sums`]).
    pub fn open(folder: &Path) -> Result<Self, ConvertError> {
        let not = |reason| ConvertError::NotAnArtefact { folder: folder.to_owned(), reason };
        if !folder.is_dir() {
            return Err(not("there is no such folder"));
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(".tmp") {
            return Err(not("it is the unfinished output of a conversion that was stopped"));
        }
        if !folder.join("config.json").is_file() {
            return Err(not("there is no `config.json` in it"));
        }
        Self::of_candidate(folder, &ModelConfig::open(folder)?)
    }

    /// As [`Artefact::open`], with a configuration that is known already, for a folder that has not all of it.
    pub(crate) fn of_candidate(folder: &Path, config: &ModelConfig) -> Result<Self, ConvertError> {
        weight_files(folder)?;
        let metadata = read_metadata(folder)?;
        let artefact = Self {
            folder: folder.to_owned(),
            quantization: config.quantization.clone(),
            metadata,
            size_bytes: size_bytes(folder)?,
        };
        artefact.check_lengths()?;
        Ok(artefact)
    }

    /// Checksum of recipe and inputs, if gatecheck made the artefact.
    pub fn recipe_sha256(&self) -> Option<&str> {
        self.metadata.as_ref().map(|metadata| metadata.recipe_sha256.as_str())
    }

    /// Size in bytes computed from shapes and the recipe, if gatecheck made the artefact.
    pub fn computed_bytes(&self) -> Option<u64> {
        self.metadata.as_ref().map(|metadata| metadata.computed_bytes)
    }

    /// Reads every file and compares it with its recorded checksum. There must be no file beside them that a
    /// loader would read. An artefact of another tool has no checksums, and passes.
    pub fn check_sums(&self) -> Result<(), ConvertError> {
        let Some(metadata) = &self.metadata else { return Ok(()) };
        if metadata.recipe.sha256(&metadata.inputs) != metadata.recipe_sha256 {
            return Err(self.damaged(format!("recipe and inputs in `{METADATA_FILE}` have another checksum")));
        }
        for path in model_files(&self.folder)? {
            let name = path.strip_prefix(&self.folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            if !metadata.outputs.contains_key(&name) {
                return Err(self.damaged(format!("`{name}` is no part of it")));
            }
        }
        let files: Vec<_> = self.recorded().collect();
        let found: Vec<_> = files.par_iter().map(|(name, _)| sha256_file(&self.folder.join(name))).collect();
        for ((name, written), sha256) in files.into_iter().zip(found) {
            if sha256? != written.sha256 {
                return Err(self.damaged(format!("`{name}` has another checksum than recorded")));
            }
        }
        Ok(())
    }

    fn check_lengths(&self) -> Result<(), ConvertError> {
        for (name, written) in self.recorded() {
            // A name from the file must not lead out of the folder.
            if name.split('/').any(|part| part.is_empty() || part == "..") {
                return Err(self.damaged(format!("`{METADATA_FILE}` lists `{name}`")));
            }
            match std::fs::metadata(self.folder.join(name)) {
                Ok(found) if found.len() == written.bytes => {}
                Ok(found) => {
                    let found = found.len();
                    return Err(
                        self.damaged(format!("`{name}` has {found} bytes instead of {}", written.bytes))
                    );
                }
                Err(_) => return Err(self.damaged(format!("`{name}` is missing"))),
            }
        }
        Ok(())
    }

    fn recorded(&self) -> impl Iterator<Item = (&String, &Written)> {
        self.metadata.iter().flat_map(|metadata| &metadata.outputs)
    }

    fn damaged(&self, reason: String) -> ConvertError {
        ConvertError::Damaged { folder: self.folder.clone(), reason }
    }
}

fn read_metadata(folder: &Path) -> Result<Option<Metadata>, ConvertError> {
    let path = folder.join(METADATA_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let damaged = |reason: String| ConvertError::Damaged { folder: folder.to_owned(), reason };
    let text = read_text(&path)?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| damaged(format!("`{METADATA_FILE}`: {error}")))?;
    // Other converters of encoders write a file of this name too; it says nothing that is needed here.
    if json["tool"] != "gatecheck" {
        return Ok(None);
    }
    if json["schema_version"].as_u64().is_none_or(|version| version > u64::from(SCHEMA_VERSION)) {
        return Err(damaged(format!("`{METADATA_FILE}` is of a later version of gatecheck")));
    }
    serde_json::from_value(json).map(Some).map_err(|error| damaged(format!("`{METADATA_FILE}`: {error}")))
}

/// Size of what a folder holds besides the papers about it.
pub(super) fn size_bytes(folder: &Path) -> Result<u64, FileError> {
    Ok(files(folder)?.values().sum())
}

/// The files of an artefact and its module folders, with their lengths, without the papers about it.
pub(super) fn files(folder: &Path) -> Result<BTreeMap<String, u64>, FileError> {
    let mut files = BTreeMap::new();
    for (name, is_folder, length) in entries(folder)? {
        if name.starts_with('.') || name == METADATA_FILE || name == "README.md" {
            continue;
        }
        if !is_folder {
            files.insert(name, length);
            continue;
        }
        for (inner, is_folder, length) in entries(&folder.join(&name))? {
            if !is_folder {
                files.insert(format!("{name}/{inner}"), length);
            }
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<(String, bool, u64)>, FileError> {
    let failed = |error| FileError::new("list", folder, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Follows the links of the Hub cache.
        let metadata = std::fs::metadata(entry.path()).map_err(failed)?;
        found.push((entry.file_name().to_string_lossy().into_owned(), metadata.is_dir(), metadata.len()));
    }
    Ok(found)
}
