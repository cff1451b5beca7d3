//! From the words of the command line to files: models and datasets by name, folder, file or Hub id.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::text;
use gatecheck_data::{
    dataset::{self, Dataset, DatasetSpec},
    hub::{DatasetFiles, Hub, HubSettings, Snapshot},
};
use gatecheck_model::tokenizer::Truncation;

use super::{
    error::{CliError, unknown},
    printer::Printer,
};
use crate::{
    app::config::{
        Config, DatasetEntry, ModelEntry,
        datasets::{PreprocessingEntry, Provider},
    },
    app::plan::{ModelSource, zero_shot::ZeroShotSettings},
};

/// What the configuration says about a model's quantization and gates.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Defaults {
    pub(crate) bits: Option<u32>,
    pub(crate) group_size: Option<u32>,
    pub(crate) max_accuracy_drop: Option<f64>,
    pub(crate) target_size_mb: Option<f64>,
}

/// How a dataset's texts are made to fit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Preprocessing {
    pub(crate) truncation: Truncation,
    pub(crate) max_length: Option<usize>,
}

/// A dataset with what a run must know about it.
#[derive(Debug)]
pub(crate) struct ResolvedDataset {
    pub(crate) dataset: Dataset,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) label_map: Option<BTreeMap<String, String>>,
    pub(crate) zero_shot: ZeroShotSettings,
}

/// Looks names up.
#[derive(Debug)]
pub(crate) struct Resolver {
    config: Config,
    printer: Printer,
}

impl Resolver {
    pub(crate) fn new(patterns: &[String], printer: Printer) -> Result<Self, CliError> {
        Ok(Self { config: Config::load(patterns)?, printer })
    }

    /// What is configured.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The names of all configured models.
    pub(crate) fn model_names(&self) -> Vec<String> {
        self.config.models().map(|(_, model)| model.name.clone()).collect()
    }

    /// What the configuration says about a model; nothing for folders and Hub ids.
    pub(crate) fn quantization(&self, word: &str) -> Defaults {
        let Some(model) = self.config.model(word) else { return Defaults::default() };
        let quantization = &model.quantization;
        Defaults {
            bits: quantization.bits,
            group_size: quantization.group_size,
            max_accuracy_drop: quantization.max_accuracy_drop,
            target_size_mb: quantization.target_mb(),
        }
    }

    /// Whether a configured model is for zero-shot classification.
    pub(crate) fn is_for_zero_shot(&self, word: &str) -> bool {
        self.config.model(word).is_some_and(ModelEntry::is_for_zero_shot)
    }

    /// The datasets that a configured model is measured on.
    pub(crate) fn benchmarks(&self, word: &str) -> Result<Vec<String>, CliError> {
        let benchmarks = self.config.model(word).map(|model| model.benchmarks.clone()).unwrap_or_default();
        if benchmarks.is_empty() {
            let hint = format!("name one with `--dataset`; configured are {}", self.dataset_list());
            return Err(CliError::usage(format!("`{word}` has no configured benchmarks"), hint));
        }
        Ok(benchmarks)
    }

    fn dataset_list(&self) -> String {
        text::list(&self.config.datasets().map(|(name, ..)| name).collect::<Vec<_>>(), 20)
    }

    /// A model's files: a folder as it is, a configured name or a Hub id from the Hub's cache.
    pub(crate) fn model(&self, word: &str) -> Result<ModelSource, CliError> {
        let path = Path::new(word);
        if path.is_dir() {
            let full = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let name = full
                .file_name()
                .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned());
            return Ok(ModelSource {
                name,
                folder: path.to_owned(),
                source: word.to_owned(),
                revision: None,
            });
        }
        let configured = self.config.model(word);
        let (name, id, revision) = match configured {
            Some(model) => (model.name.clone(), model.hf_name.clone(), model.revision.clone()),
            None if is_hub_id(word) => (word.replace('/', "--"), word.to_owned(), None),
            None if word.contains('/') || word.starts_with('.') => {
                return Err(CliError::usage(
                    format!("there is no model folder `{word}`"),
                    "give a folder with config.json, tokenizer.json and model.safetensors".to_owned(),
                ));
            }
            None => return Err(unknown("configured model or folder", word, &self.model_names())),
        };
        let mut progress = self.printer.progress();
        let snapshot =
            Hub::new(HubSettings::from_env())?.model_snapshot(&id, revision.as_deref(), &mut |at| {
                progress.at(at.file, at.received, at.total);
            });
        progress.done();
        let Snapshot { folder, revision } = snapshot.map_err(|error| {
            let error = CliError::from(error);
            // `models/mine` reads as a Hub id, but may be a folder misspelt.
            let hint = error.hint.as_ref().filter(|_| configured.is_none());
            let hint = hint.map(|hint| format!("there is no folder `{word}`; if a Hub id is meant, {hint}"));
            CliError { hint: hint.or(error.hint), ..error }
        })?;
        Ok(ModelSource { name, folder, source: id, revision: Some(revision) })
    }

    /// A dataset's rows: `--data`, a file given as `--dataset`, or the Hub's cache.
    pub(crate) fn dataset(
        &self,
        word: &str,
        data: Option<&Path>,
        split: Option<&str>,
    ) -> Result<ResolvedDataset, CliError> {
        let Some(entry) = self.config.dataset(word) else { return self.file(word, data, split) };
        // Rows from a file are of the split that the file is named after, unless the user says which.
        let stem = data.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
        let split = entry.split(split.or(stem.as_deref()).unwrap_or_else(|| entry.default_split()));
        let local = match (data, entry.provider) {
            (Some(path), _) => Some(path.to_owned()),
            (None, Provider::Local) => Some(PathBuf::from(&entry.name)),
            (None, Provider::Huggingface) => None,
        };
        let (files, source, revision) = match local {
            Some(path) => (vec![path.clone()], path.display().to_string(), None),
            None => {
                let DatasetFiles { files, revision } = self.download(entry, split)?;
                (files, entry.name.clone(), Some(revision))
            }
        };
        let dataset = dataset::load(&entry.spec(word, split, source, revision), &files)?;
        let PreprocessingEntry { max_length, truncation, padding: _, cache_dir: _ } =
            entry.preprocessing.clone();
        let preprocessing = Preprocessing { truncation, max_length };
        let zero_shot = ZeroShotSettings {
            model_is_for_it: false,
            hypothesis_template: entry.hypothesis_template.clone(),
            candidate_labels: entry.candidate_labels.clone(),
            multi_label: entry.multi_label,
        };
        Ok(ResolvedDataset { dataset, preprocessing, label_map: entry.label_map.clone(), zero_shot })
    }

    fn download(&self, entry: &DatasetEntry, split: &str) -> Result<DatasetFiles, CliError> {
        let mut progress = self.printer.progress();
        let (subset, revision) = (entry.subset.as_deref(), entry.revision.as_deref());
        let files = Hub::new(HubSettings::from_env())?.dataset_files(
            &entry.name,
            subset,
            split,
            revision,
            &mut |at| {
                progress.at(at.file, at.received, at.total);
            },
        );
        progress.done();
        Ok(files?)
    }

    /// A file without a configuration: its columns and labels must speak for themselves.
    fn file(
        &self,
        word: &str,
        data: Option<&Path>,
        split: Option<&str>,
    ) -> Result<ResolvedDataset, CliError> {
        let path = Path::new(word);
        let looks_like_file = path.extension().is_some() || word.contains(['/', '\\']);
        let (name, path) = match data {
            Some(data) => (word.to_owned(), data),
            None if looks_like_file => {
                (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path)
            }
            None => {
                let known: Vec<String> = self.config.datasets().map(|(name, ..)| name.to_owned()).collect();
                return Err(unknown("configured dataset", word, &known));
            }
        };
        let spec = DatasetSpec {
            name,
            split: split.unwrap_or("all").to_owned(),
            source: path.display().to_string(),
            ..DatasetSpec::default()
        };
        let dataset = dataset::load(&spec, &[path.to_owned()])?;
        Ok(ResolvedDataset {
            dataset,
            preprocessing: Preprocessing::default(),
            label_map: None,
            zero_shot: ZeroShotSettings::default(),
        })
    }
}

/// `owner/name` in the letters that the Hub allows.
fn is_hub_id(word: &str) -> bool {
    let allowed = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    word.split_once('/').is_some_and(|(owner, name)| allowed(owner) && allowed(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_ids_have_one_slash() {
        for id in ["sentence-transformers/all-MiniLM-L6-v2", "a/b.c"] {
            assert!(is_hub_id(id), "{id}");
        }
        for word in ["bert", "../x", "a/b/c", "/a", "a/", "a b/c", "./model"] {
            assert!(!is_hub_id(word), "{word}");
        }
    }
}
