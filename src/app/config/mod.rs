//! Configured models and datasets: two built-in files, and those that `--config` names.

pub mod datasets;
mod error;
pub mod models;

use std::{collections::BTreeMap, path::PathBuf};

use gatecheck_base::{fs::read_text, text};
use serde::Deserialize;
use serde_saphyr::Spanned;

pub use self::{
    datasets::DatasetEntry,
    error::{Complaint, ConfigFileError, Place},
    models::ModelEntry,
};

/// How the names of the built-in files begin, among places.
pub const BUILT_IN: &str = "built-in ";

const FILES: [(&str, &str); 2] = [
    ("built-in models.yaml", include_str!("../../../config/models.yaml")),
    ("built-in datasets.yaml", include_str!("../../../config/datasets.yaml")),
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    models: Vec<Spanned<ModelEntry>>,
    #[serde(default)]
    datasets: BTreeMap<String, Spanned<DatasetEntry>>,
}

/// All configured models and datasets, each with the place it stands in.
#[derive(Debug, Clone, Default)]
pub struct Config {
    models: Vec<(Place, ModelEntry)>,
    datasets: BTreeMap<String, (Place, DatasetEntry)>,
}

impl Config {
    /// Reads the built-in files and those that match the patterns. A given file may replace a built-in
    /// entry; two given files may not have the same one.
    pub fn load(patterns: &[String]) -> Result<Self, ConfigFileError> {
        let mut given = Self::default();
        for path in expand(patterns)? {
            given.add(&path.display().to_string(), &read_text(&path)?)?;
        }
        let mut config = Self::default();
        for (file, text) in FILES {
            config.add(file, text)?;
        }
        config.models.retain(|(_, model)| given.model(&model.name).is_none());
        config.models.extend(given.models);
        config.datasets.extend(given.datasets);
        Ok(config)
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), ConfigFileError> {
        let File { models, datasets } = parse(file, text)?;
        let place = |line| Place { file: file.to_owned(), line };
        for Spanned { value: model, referenced, .. } in models {
            let place = place(referenced.line());
            check(&place, &model.name, model.quantization.complaint().map(Complaint::from))?;
            if let Some((first, _)) = self.models.iter().find(|(_, known)| known.name == model.name) {
                return Err(duplicate("model", &model.name, first, &place));
            }
            self.models.push((place, model));
        }
        for (name, Spanned { value: dataset, referenced, .. }) in datasets {
            let place = place(key_line(text, &name, referenced.line()));
            check(&place, &name, dataset.complaint())?;
            if let Some((first, _)) = self.datasets.get(&name) {
                return Err(duplicate("dataset", &name, first, &place));
            }
            self.datasets.insert(name, (place, dataset));
        }
        Ok(())
    }

    /// A model by name.
    pub fn model(&self, name: &str) -> Option<&ModelEntry> {
        self.models.iter().map(|(_, model)| model).find(|model| model.name == name)
    }

    /// A dataset by name.
    pub fn dataset(&self, name: &str) -> Option<&DatasetEntry> {
        self.datasets.get(name).map(|(_, dataset)| dataset)
    }

    /// All models with their places, in order.
    pub fn models(&self) -> impl Iterator<Item = (&Place, &ModelEntry)> {
        self.models.iter().map(|(place, model)| (place, model))
    }

    /// All datasets with their names and places, by name.
    pub fn datasets(&self) -> impl Iterator<Item = (&str, &Place, &DatasetEntry)> {
        self.datasets.iter().map(|(name, (place, dataset))| (name.as_str(), place, dataset))
    }
}

fn duplicate(kind: &'static str, name: &str, first: &Place, second: &Place) -> ConfigFileError {
    let (name, first, second) = (name.to_owned(), first.clone(), second.clone());
    ConfigFileError::Duplicate { kind, name, first, second }
}

fn check(place: &Place, name: &str, complaint: Option<Complaint>) -> Result<(), ConfigFileError> {
    complaint.map_or(Ok(()), |complaint| {
        Err(ConfigFileError::Value { place: place.clone(), name: name.to_owned(), complaint })
    })
}

/// The line of a key, given that of its value: at or above it.
fn key_line(text: &str, key: &str, value_line: u64) -> u64 {
    let is_key = |line: &str| {
        let line = line.trim_start().trim_start_matches(['"', '\'']);
        let rest = line.strip_prefix(key).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let lines: Vec<&str> = text.lines().take(usize::try_from(value_line).unwrap_or(usize::MAX)).collect();
    lines.iter().rposition(|line| is_key(line)).map_or(value_line, |line| line as u64 + 1)
}

fn expand(patterns: &[String]) -> Result<Vec<PathBuf>, ConfigFileError> {
    let mut files = Vec::new();
    for pattern in patterns {
        let invalid = |reason: String| ConfigFileError::Pattern { pattern: pattern.clone(), reason };
        let found: Vec<PathBuf> =
            glob::glob(pattern).map_err(|error| invalid(error.to_string()))?.filter_map(Result::ok).collect();
        if found.is_empty() {
            return Err(ConfigFileError::NoMatch(pattern.clone()));
        }
        // A file that two patterns name is read once.
        found.into_iter().for_each(|file| {
            if !files.contains(&file) {
                files.push(file)
            }
        });
    }
    Ok(files)
}

fn parse(file: &str, text: &str) -> Result<File, ConfigFileError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(File::default());
    }
    serde_saphyr::from_str(text).map_err(|error| {
        // The first line has the place and the reason; an excerpt of the file follows.
        let message = error.to_string();
        let line = message.lines().next().unwrap_or_default();
        let reason = line.strip_prefix("error: ").unwrap_or(line).to_owned();
        ConfigFileError::Malformed { file: file.to_owned(), meant: meant(&reason), reason }
    })
}

/// The known key closest to an unknown one, from "unknown field `x`, expected one of a, b".
fn meant(reason: &str) -> Option<String> {
    let (_, rest) = reason.split_once("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    let (_, known) = rest.split_once("expected ")?;
    let known = known.strip_prefix("one of ").unwrap_or(known);
    let known = known.split([',', '`', ' ']).filter(|key| !key.is_empty() && *key != "or");
    text::nearest(unknown, known).map(str::to_owned)
}

#[cfg(test)]
mod tests;
