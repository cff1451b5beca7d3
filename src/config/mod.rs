//! Configured models and datasets: two built-in files, and those that `--config` names.

pub mod datasets;
pub mod models;

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

pub use self::{datasets::DatasetEntry, models::ModelEntry};
use crate::{
    fs::{FileError, read_text},
    text,
};

const BUILT_IN: [(&str, &str); 2] = [
    ("built-in models.yaml", include_str!("../../config/models.yaml")),
    ("built-in datasets.yaml", include_str!("../../config/datasets.yaml")),
];

/// What can be wrong with configuration files.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The pattern itself.
    #[error("`{pattern}` is not a file pattern: {reason}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// No file matches.
    #[error("no configuration file matches `{0}`")]
    NoMatch(String),
    /// Not the YAML it should be.
    #[error("`{file}` is not a valid configuration: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What the parser said, with the place.
        reason: String,
        /// The key that was probably meant.
        meant: Option<String>,
    },
    /// A value that cannot be.
    #[error("`{name}` in `{file}`: {reason}")]
    Value {
        /// The file.
        file: String,
        /// The model or dataset.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The same name in two places.
    #[error("{kind} `{name}` is configured in `{first}` and again in `{second}`")]
    Duplicate {
        /// `model` or `dataset`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The first place.
        first: String,
        /// The second.
        second: String,
    },
}

impl ConfigFileError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Malformed { meant: Some(meant), .. } => Some(format!("did you mean `{meant}`?")),
            Self::Pattern { .. } | Self::NoMatch(_) => {
                Some("give files or a pattern in quotes, such as --config \"config/*.yaml\"".to_owned())
            }
            Self::Duplicate { .. } => Some("rename one of them, or leave one of the files out".to_owned()),
            _ => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    models: Vec<ModelEntry>,
    #[serde(default)]
    datasets: BTreeMap<String, DatasetEntry>,
}

/// All configured models and datasets, each with the file it stands in.
#[derive(Debug, Clone, Default)]
pub struct Config {
    models: Vec<(String, ModelEntry)>,
    datasets: BTreeMap<String, (String, DatasetEntry)>,
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
        for (file, text) in BUILT_IN {
            config.add(file, text)?;
        }
        config.models.retain(|(_, model)| given.model(&model.name).is_none());
        config.models.extend(given.models);
        config.datasets.extend(given.datasets);
        Ok(config)
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), ConfigFileError> {
        let File { models, datasets } = parse(file, text)?;
        for model in models {
            if let Some(reason) = model.quantization.complaint() {
                return Err(ConfigFileError::Value { file: file.to_owned(), name: model.name, reason });
            }
            if let Some((first, _)) = self.models.iter().find(|(_, known)| known.name == model.name) {
                return Err(duplicate("model", &model.name, first, file));
            }
            self.models.push((file.to_owned(), model));
        }
        for (name, dataset) in datasets {
            if let Some((first, _)) = self.datasets.get(&name) {
                return Err(duplicate("dataset", &name, first, file));
            }
            self.datasets.insert(name, (file.to_owned(), dataset));
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

    /// All models with their files, in order.
    pub fn models(&self) -> impl Iterator<Item = (&str, &ModelEntry)> {
        self.models.iter().map(|(file, model)| (file.as_str(), model))
    }

    /// All datasets with their names and files, by name.
    pub fn datasets(&self) -> impl Iterator<Item = (&str, &str, &DatasetEntry)> {
        self.datasets.iter().map(|(name, (file, dataset))| (name.as_str(), file.as_str(), dataset))
    }
}

fn duplicate(kind: &'static str, name: &str, first: &str, second: &str) -> ConfigFileError {
    let (name, first, second) = (name.to_owned(), first.to_owned(), second.to_owned());
    ConfigFileError::Duplicate { kind, name, first, second }
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
        let reason = error.to_string();
        ConfigFileError::Malformed { file: file.to_owned(), meant: meant(&reason), reason }
    })
}

/// The known key closest to an unknown one, from the words of serde: "unknown field `x`, expected one of `a`, `b`".
fn meant(message: &str) -> Option<String> {
    let rest = &message[message.find("unknown field")?..];
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    text::nearest(unknown, quoted).map(str::to_owned)
}

#[cfg(test)]
mod tests;
