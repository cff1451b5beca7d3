//! From words to places: what a model or dataset given by name, folder, file or Hub id is, and what the
//! configuration says of it. Reads no file but those of the configuration.

use std::path::{Path, PathBuf};

use gatecheck_base::text;
use gatecheck_data::dataset::{DatasetSpec, Part};

use super::{
    config::{
        BUILT_IN, Config, ConfigFileError, DatasetEntry, ModelEntry,
        datasets::{PreprocessingEntry, Provider},
    },
    settings::{Texts, ZeroShotSettings},
    source::{DatasetPlace, DatasetReference, ModelPlace, ModelReference},
    unknown::Unknown,
};

/// Why a word leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It is no name that is known.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// It is a folder that is not there.
    #[error("there is no model folder `{0}`")]
    NoFolder(String),
    /// No dataset was named, and none is configured for the model.
    #[error("`{model}` has no configured benchmarks")]
    NoBenchmarks {
        /// The model.
        model: String,
        /// The datasets there are.
        datasets: Vec<String>,
    },
}

impl ResolveError {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown(error) => error.hint(),
            Self::NoFolder(_) => {
                "give a folder with config.json, tokenizer.json and model.safetensors".to_owned()
            }
            Self::NoBenchmarks { datasets, .. } => {
                format!("name one with `--dataset`; configured are {}", text::list(datasets, 20))
            }
        }
    }
}

/// What the configuration says about a model's quantization and gates.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ModelDefaults {
    /// Bits per weight.
    pub bits: Option<u32>,
    /// Weights per scale.
    pub group_size: Option<u32>,
    /// Largest allowed drop of the metric that is judged.
    pub max_accuracy_drop: Option<f64>,
    /// Target size in MB (10^6 bytes).
    pub target_size_mb: Option<f64>,
}

/// Looks names up.
#[derive(Debug)]
pub struct Resolver {
    config: Config,
}

impl Resolver {
    /// With the built-in configuration and the files that match the patterns.
    pub fn new(patterns: &[String]) -> Result<Self, ConfigFileError> {
        Ok(Self { config: Config::load(patterns)? })
    }

    /// The names of all configured models.
    pub fn model_names(&self) -> Vec<String> {
        self.config.models().map(|(_, model)| model.name.clone()).collect()
    }

    /// The names of the models in the files that the user named; without such files, of all.
    pub fn chosen_model_names(&self) -> Vec<String> {
        let given = self.config.models().filter(|(place, _)| !place.file.starts_with(BUILT_IN));
        let names: Vec<String> = given.map(|(_, model)| model.name.clone()).collect();
        if names.is_empty() { self.model_names() } else { names }
    }

    fn dataset_names(&self) -> Vec<String> {
        self.config.datasets().map(|(name, ..)| name.to_owned()).collect()
    }

    /// What the configuration says about a model; nothing for folders and Hub ids.
    pub fn defaults(&self, word: &str) -> ModelDefaults {
        let Some(model) = self.config.model(word) else { return ModelDefaults::default() };
        let quantization = &model.quantization;
        ModelDefaults {
            bits: quantization.bits,
            group_size: quantization.group_size,
            max_accuracy_drop: quantization.max_accuracy_drop,
            target_size_mb: quantization.target_mb(),
        }
    }

    /// The datasets that a configured model is measured on.
    pub fn benchmarks(&self, word: &str) -> Result<Vec<String>, ResolveError> {
        let benchmarks = self.config.model(word).map(|model| model.benchmarks.clone()).unwrap_or_default();
        if benchmarks.is_empty() {
            let (model, datasets) = (word.to_owned(), self.dataset_names());
            return Err(ResolveError::NoBenchmarks { model, datasets });
        }
        Ok(benchmarks)
    }

    /// A model: a folder as it is, a configured name, or a Hub id.
    pub fn model(&self, word: &str) -> Result<ModelReference, ResolveError> {
        let path = Path::new(word);
        if path.is_dir() {
            let full = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
            return Ok(ModelReference {
                name: name.unwrap_or_else(|| "model".to_owned()),
                place: ModelPlace::Folder(path.to_owned()),
                source: word.to_owned(),
            });
        }
        let (name, id, revision, configured) = match self.config.model(word) {
            Some(model) => (model.name.clone(), model.hf_name.clone(), model.revision.clone(), true),
            None if is_hub_id(word) => (word.replace('/', "--"), word.to_owned(), None, false),
            None if word.contains('/') || word.starts_with('.') => {
                return Err(ResolveError::NoFolder(word.to_owned()));
            }
            None => return Err(Unknown::new("configured model or folder", word, self.model_names()).into()),
        };
        Ok(ModelReference { name, source: id.clone(), place: ModelPlace::Hub { id, revision, configured } })
    }

    /// The candidates named, or else those configured for the model, unless the arms are named.
    pub fn candidates(
        &self,
        model: &str,
        words: &[String],
        has_arms: bool,
    ) -> Result<Vec<ModelReference>, ResolveError> {
        let configured = self.config.model(model).map(|model| model.candidates.clone());
        let words = match words {
            [] if !has_arms => configured.unwrap_or_default(),
            words => words.to_vec(),
        };
        words.iter().map(|word| self.model(word)).collect()
    }

    /// A dataset for a model: with rows from `data`, a configured name, or a file. Behind the name of the split may stand
    /// that of a [`Part`] in brackets.
    pub fn dataset(
        &self,
        word: &str,
        data: Option<&Path>,
        split: Option<&str>,
        model: &str,
    ) -> Result<DatasetReference, ResolveError> {
        let (split, part) = split.map_or((None, None), |word| {
            let (split, part) = Part::of_split(word);
            (Some(split).filter(|split| !split.is_empty()), part)
        });
        let mut found = match self.config.dataset(word) {
            Some(entry) => configured(word, entry, data, split),
            None => self.file(word, data, split)?,
        };
        found.part = part;
        let model = self.config.model(model);
        found.texts.zero_shot.model_is_for_it = model.is_some_and(ModelEntry::is_for_zero_shot);
        found.texts.token_types = model.and_then(|model| model.token_types);
        Ok(found)
    }

    /// A file without a configuration: its columns and labels must speak for themselves.
    fn file(
        &self,
        word: &str,
        data: Option<&Path>,
        split: Option<&str>,
    ) -> Result<DatasetReference, ResolveError> {
        let path = Path::new(word);
        let looks_like_file = path.extension().is_some() || word.contains(['/', '\\']);
        let (name, path) = match data {
            Some(data) => (word.to_owned(), data),
            None if looks_like_file => {
                (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path)
            }
            None => return Err(Unknown::new("configured dataset", word, self.dataset_names()).into()),
        };
        let spec = DatasetSpec {
            name,
            split: split.unwrap_or("all").to_owned(),
            source: path.display().to_string(),
            ..DatasetSpec::default()
        };
        let place = DatasetPlace::Files(vec![path.to_owned()]);
        Ok(DatasetReference { spec, place, texts: Texts::default(), part: None, limit: None })
    }
}

/// A configured dataset, with rows from `data` or from where the configuration says.
fn configured(
    word: &str,
    entry: &DatasetEntry,
    data: Option<&Path>,
    split: Option<&str>,
) -> DatasetReference {
    // Rows from a file are of the split that the file is named after, unless the user says which.
    let stem = data.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let split = entry.split(split.or(stem.as_deref()).unwrap_or_else(|| entry.default_split()));
    let place = match (data, entry.provider) {
        (Some(path), _) => DatasetPlace::Files(vec![path.to_owned()]),
        (None, Provider::Local) => DatasetPlace::Files(vec![PathBuf::from(&entry.name)]),
        (None, Provider::Huggingface) => DatasetPlace::Hub {
            id: entry.name.clone(),
            subset: entry.subset.clone(),
            revision: entry.revision.clone(),
        },
    };
    let source = match &place {
        DatasetPlace::Files(files) => files.iter().map(|file| file.display().to_string()).collect(),
        DatasetPlace::Hub { id, .. } => id.clone(),
    };
    let PreprocessingEntry { max_length, truncation, padding: _, cache_dir: _ } = entry.preprocessing.clone();
    let zero_shot = ZeroShotSettings {
        model_is_for_it: false,
        hypothesis_template: entry.hypothesis_template.clone(),
        candidate_labels: entry.candidate_labels.clone(),
        multi_label: entry.multi_label,
    };
    let label_map = entry.label_map.clone();
    // Whether token types are fed is the model's matter.
    let texts = Texts { truncation, max_length, token_types: None, label_map, zero_shot };
    DatasetReference { spec: entry.spec(word, split, source, None), place, texts, part: None, limit: None }
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
    fn configured_candidates_stand_in_where_nothing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("models.yaml");
        let text =
            "models:\n  - {name: mine, hf_name: org/mine, candidates: [org/mine-4bit, org/mine-8bit]}\n";
        std::fs::write(&file, text).unwrap();
        let resolver = Resolver::new(&[file.display().to_string()]).unwrap();
        let names = |model: &str, words: &[&str], has_arms| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            let found = resolver.candidates(model, &words, has_arms).unwrap();
            found.into_iter().map(|reference| reference.source).collect::<Vec<_>>()
        };
        assert_eq!(names("mine", &[], false), ["org/mine-4bit", "org/mine-8bit"]);
        assert_eq!(names("mine", &["org/other"], false), ["org/other"]);
        assert!(names("mine", &[], true).is_empty() && names("org/mine", &[], false).is_empty());
    }

    #[test]
    fn hub_ids_have_one_slash() {
        for id in ["sentence-transformers/all-MiniLM-L6-v2", "a/b.c"] {
            assert!(is_hub_id(id), "{id}");
        }
        for word in ["bert", "../x", "a/b/c", "/a", "a/", "a b/c", "./model"] {
            assert!(!is_hub_id(word), "{word}");
        }
    }

    #[test]
    fn a_configured_dataset_knows_the_model_s_task() {
        let resolver = Resolver::new(&[]).unwrap();
        let found = |model| resolver.dataset("ag_news", None, None, model).unwrap();
        assert!(found("bart-large-mnli").texts.zero_shot.model_is_for_it);
        assert!(!found("all-MiniLM-L6-v2").texts.zero_shot.model_is_for_it);
        let rows =
            resolver.dataset("mnli", Some(Path::new("a/validation_mismatched.jsonl")), None, "m").unwrap();
        assert_eq!(rows.spec.split, "validation_mismatched");
        assert_eq!(rows.spec.source, "a/validation_mismatched.jsonl");
        let part = |split| {
            let found = resolver.dataset("mnli", None, Some(split), "m").unwrap();
            (found.spec.split, found.part)
        };
        assert_eq!(part("mismatched[unseen]"), ("validation_mismatched".to_owned(), Some(Part::Unseen)));
        assert_eq!(part("[unseen]"), ("validation_matched".to_owned(), Some(Part::Unseen)));
        assert_eq!(part("a[b]"), ("a[b]".to_owned(), None));
    }
}
