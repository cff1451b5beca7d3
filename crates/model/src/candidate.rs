//! A converted model of any tool, beside the original that it is said to be made of.

mod fidelity;
mod size;

use std::path::{Path, PathBuf};

use gatecheck_base::{kind::ErrorKind, text};
use serde_json::Value;

use crate::{
    checkpoint::Checkpoint,
    config::{ConfigError, ModelConfig},
    convert::{Artefact, ConvertError, whole},
    holdings::Tally,
    json, pooling,
    quantization::QuantizationConfig,
    weights::WeightError,
};

pub use fidelity::Deviation;

/// A converted model, found to fit its original.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What is on disk.
    pub artefact: Artefact,
    /// How it is loaded: the original's graph, head and labels, and how its own weights are quantized.
    pub config: ModelConfig,
    /// Size in bytes that its recipe should come to: that of gatecheck, or else what its `config.json` says of the weights
    /// of the original.
    pub expected_bytes: u64,
    /// Which tool has made it, as far as can be told.
    pub tool: String,
    /// Whether its weights are those of the original, as far as their bits allow.
    pub is_conversion: bool,
    /// What is odd about it, in plain words.
    pub findings: Vec<String>,
}

/// Why a folder is no candidate for a model.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// It is no converted model.
    #[error(transparent)]
    Artefact(#[from] ConvertError),
    /// Its configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its weights cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// It is the original itself.
    #[error("the candidate `{}` is the model itself", folder.display())]
    Same {
        /// The folder.
        folder: PathBuf,
    },
    /// It is of another architecture.
    #[error("the candidate `{}` is of architecture `{found}`, the model of `{expected}`", folder.display())]
    Architecture {
        /// The candidate.
        folder: PathBuf,
        /// Its architecture.
        found: String,
        /// That of the original.
        expected: String,
    },
    /// It has other sizes or options.
    #[error("the candidate `{}` is another model: {}", folder.display(), .differences.join(", "))]
    Sizes {
        /// The candidate.
        folder: PathBuf,
        /// The keys of `config.json` that differ, with both values.
        differences: Vec<String>,
    },
    /// Its weights are not those of the original.
    #[error("`{}` is not a conversion of this model: the weights differ by more than their bits allow in {} of {of} tensors: {}",
            folder.display(), .deviations.len(), listed(.deviations))]
    NotAConversion {
        /// The candidate.
        folder: PathBuf,
        /// The tensors, the worst first.
        deviations: Vec<Deviation>,
        /// How many were compared.
        of: usize,
    },
}

/// The worst of them.
fn listed(deviations: &[Deviation]) -> String {
    const SHOWN: usize = 4;
    let mut shown: Vec<_> = deviations.iter().take(SHOWN).map(ToString::to_string).collect();
    if deviations.len() > SHOWN {
        shown.push(format!("and {} more", deviations.len() - SHOWN));
    }
    shown.join(", ")
}

impl CandidateError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Artefact(error) => return error.hint(),
            Self::Config(error) => return error.hint(),
            Self::Weights(error) => return error.hint(),
            Self::Same { .. } => "give the converted model as `--candidate`, and the original as `--model`",
            Self::Architecture { .. } | Self::Sizes { .. } => {
                "give the original that the candidate was made of as `--model`"
            }
            Self::NotAConversion { .. } => {
                "give the original that it was made of as `--model`; weights that were trained or rescaled on purpose are \
                 measured with `--any-weights`, and the report says so"
            }
        };
        Some(hint.to_owned())
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Artefact(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Weights(error) => error.kind(),
            Self::Same { .. }
            | Self::Architecture { .. }
            | Self::Sizes { .. }
            | Self::NotAConversion { .. } => ErrorKind::Usage,
        }
    }
}

impl Candidate {
    /// Opens a folder as a candidate for the model in `original`. Compares all weights, unless `any_weights` says that
    /// they may be others: then what differs is a finding.
    pub fn open(folder: &Path, original: &Path, any_weights: bool) -> Result<Self, CandidateError> {
        let same = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if same(folder) == same(original) {
            return Err(CandidateError::Same { folder: folder.to_owned() });
        }
        let model = ModelConfig::open(original)?;
        let config = configuration_of(folder, original, &model)?;
        let artefact = Artefact::of_candidate(folder, &config)?;
        let checkpoint = Checkpoint::open_with(folder, original, &config)?;
        whole::check_with(&checkpoint, &config, &Tally::default())?;
        let source = Checkpoint::open(original, &model)?;
        let mut findings = heads(folder, &model);
        let (deviations, of) = fidelity::compare(&checkpoint, &source)?;
        let is_conversion = deviations.is_empty();
        if !is_conversion {
            let folder = folder.to_owned();
            let error = CandidateError::NotAConversion { folder, deviations, of };
            if !any_weights {
                return Err(error);
            }
            findings.push(error.to_string());
        }
        let expected_bytes = match artefact.computed_bytes() {
            Some(bytes) => bytes,
            None => size::expected(&checkpoint, &source, config.quantization.as_ref(), artefact.size_bytes)?,
        };
        let tool = Self::tool(&artefact);
        Ok(Self { artefact, config, expected_bytes, tool, is_conversion, findings })
    }

    /// The tool that made an artefact, by what it leaves there.
    pub fn tool(artefact: &Artefact) -> String {
        if let Some(metadata) = &artefact.metadata {
            return format!("gatecheck {}", metadata.tool_version);
        }
        let has = |name: &str| artefact.folder.join(name).is_file();
        let readme = std::fs::read_to_string(artefact.folder.join("README.md")).unwrap_or_default();
        for tool in ["mlx-embeddings", "mlx-lm", "mlx-vlm"] {
            if readme.contains(&format!("using {tool} version")) {
                return tool.to_owned();
            }
        }
        match (has("weights.npz"), has("model.safetensors.index.json")) {
            (true, _) => "a converter that writes `weights.npz`".to_owned(),
            (_, true) if has("model.safetensors") => "mlx-embeddings, mlx-lm or a relative".to_owned(),
            _ => "an unknown tool".to_owned(),
        }
    }
}

/// The configuration that the candidate in `folder` is loaded by: that of the model in `original`, with its own
/// quantization.
pub fn configuration(folder: &Path, original: &Path) -> Result<ModelConfig, CandidateError> {
    configuration_of(folder, original, &ModelConfig::open(original)?)
}

fn configuration_of(
    folder: &Path,
    original: &Path,
    model: &ModelConfig,
) -> Result<ModelConfig, CandidateError> {
    let path = folder.join("config.json");
    if !path.is_file() {
        return Err(ConfigError::Missing { folder: folder.to_owned() }.into());
    }
    let own: Value = json::read(&path)?;
    let expected = model.architecture.name();
    match own["model_type"].as_str() {
        Some(found) if found.replace('_', "-") != expected.replace('_', "-") => {
            let (found, expected) = (found.to_owned(), expected.to_owned());
            return Err(CandidateError::Architecture { folder: folder.to_owned(), found, expected });
        }
        _ => {}
    }
    if !model.has_graph_of(&own, &path)? {
        let theirs: Value = json::read(&original.join("config.json"))?;
        let differences = differences(&own, &theirs);
        return Err(CandidateError::Sizes { folder: folder.to_owned(), differences });
    }
    let quantization = QuantizationConfig::read(&own, model.architecture)?;
    Ok(ModelConfig { quantization, ..model.clone() })
}

/// The numbers and words of two configurations that are not the same.
fn differences(own: &Value, theirs: &Value) -> Vec<String> {
    let is_plain =
        |value: &Value| value.is_number() || value.is_string() || value.is_null() || value.is_boolean();
    let about = ["_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache"];
    let keys = own.as_object().into_iter().chain(theirs.as_object()).flat_map(|map| map.keys());
    let mut keys: Vec<_> = keys.filter(|key| !about.contains(&key.as_str())).collect();
    keys.sort();
    keys.dedup();
    let differ =
        |key: &&&String| own[**key] != theirs[**key] && is_plain(&own[**key]) && is_plain(&theirs[**key]);
    let tell = |key: &String| format!("`{key}` is {} instead of {}", own[key], theirs[key]);
    keys.iter().filter(differ).map(|key| tell(key)).collect()
}

/// What is said where its own pooling is not taken, or its labels are not those of the original.
fn heads(folder: &Path, model: &ModelConfig) -> Vec<String> {
    let mut findings = Vec::new();
    let own = pooling::open(folder).map(|sentences| sentences.head).unwrap_or_default();
    let pools = model.labels.is_empty() && model.head.is_some();
    match own {
        None if pools => findings.push("it has no pooling of its own; the original's was taken".to_owned()),
        Some(_) if pools && own != model.head => {
            findings.push("its pooling differs from the original's, which was taken".to_owned());
        }
        _ => {}
    }
    // A classifier's own names: whoever loads the artefact reads them there.
    if let Ok(own) = ModelConfig::open(folder)
        && !model.labels.is_empty()
        && own.labels != model.labels
    {
        let (own, theirs) = (text::list(&own.labels, 5), text::list(&model.labels, 5));
        findings.push(format!("it names the classes {own} where the original names them {theirs}"));
    }
    findings
}

#[cfg(test)]
mod tests;
