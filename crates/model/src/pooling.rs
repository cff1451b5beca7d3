//! How a sentence-transformers folder turns token states into one vector: `modules.json` and the
//! configuration files it points at (<https://www.sbert.net/docs/package_reference/sentence_transformer/models.html>).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    activation::Activation,
    blueprint::head::{Dense, Head, Output, Pick, Step},
    error::ConfigError,
    json,
};

/// Names of the modes: those of version 6 of sentence-transformers, and the switches of `1_Pooling/config.json`
/// before, in the order in which the vectors of several switches stand side by side.
const MODES: [(&str, &str, Pick); 5] = [
    ("cls", "pooling_mode_cls_token", Pick::First),
    ("max", "pooling_mode_max_tokens", Pick::Max),
    ("mean", "pooling_mode_mean_tokens", Pick::Mean),
    ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", Pick::MeanSqrt),
    ("lasttoken", "pooling_mode_lasttoken", Pick::Last),
];
/// What follows the folder in the path of a Dense module's tensors, `linear.weight` and `linear.bias`.
const LINEAR: &str = ".linear";
const KNOWN: &str = "cls, max, mean, mean_sqrt_len_tokens and lasttoken";

/// Names under which versions of sentence-transformers keep what they do to texts. The first that is there counts.
pub(crate) const SETTINGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// What sentence-transformers says of a folder; nothing where it has not written it.
#[derive(Default)]
pub(crate) struct Sentences {
    pub(crate) head: Option<Head>,
    /// `max_seq_length`.
    pub(crate) limit: Option<usize>,
    /// `do_lower_case`.
    pub(crate) lower_case: bool,
}

/// A line of `modules.json`.
#[derive(Deserialize)]
pub(crate) struct Module {
    /// Its folder; empty for the model's own.
    pub(crate) path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Folders that hold weights of their own, beside those of the encoder.
pub(crate) fn weight_folders(head: &Head) -> impl Iterator<Item = &str> {
    let layers = head.layers().filter(|_| head.output == Output::Embedding);
    layers.filter_map(|dense| dense.module.strip_suffix(LINEAR))
}

/// Reads `modules.json`; empty where there is none.
pub(crate) fn modules(folder: &Path) -> Result<Vec<Module>, ConfigError> {
    let path = folder.join("modules.json");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let modules: Vec<Module> = json::read(&path)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    match modules.iter().find(|module| !module.path.chars().all(is_plain)) {
        Some(Module { path: stray, .. }) => Err(ConfigError::Inconsistent(format!(
            "`{}` names the module folder `{stray}`, which is not a folder of this model",
            path.display()
        ))),
        None => Ok(modules),
    }
}

/// Reads `modules.json`, if there is one, and what it points at.
pub(crate) fn open(folder: &Path) -> Result<Sentences, ConfigError> {
    let modules = modules(folder)?;
    if modules.is_empty() {
        return Ok(Sentences::default());
    }
    let (mut picks, mut steps) = (None, Vec::new());
    for Module { path: place, kind } in &modules {
        match kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" if !place.is_empty() => {
                return Err(ConfigError::unsupported(
                    "modules.json: path of the Transformer",
                    place.as_str(),
                    "the folder itself",
                ));
            }
            "Transformer" => {}
            "Pooling" => picks = Some(pooling_modes(&folder.join(place).join("config.json"))?),
            "Normalize" => steps.push(Step::Normalize),
            "Dense" => steps.push(Step::Dense(dense(folder, place)?)),
            _ => {
                return Err(ConfigError::unsupported(
                    "modules.json: type",
                    kind.clone(),
                    "Transformer, Pooling, Dense and Normalize",
                ));
            }
        }
    }
    let picks = picks.ok_or_else(|| {
        let path = folder.join("modules.json");
        ConfigError::Inconsistent(format!("`{}` names no Pooling module", path.display()))
    })?;
    let settings = settings(folder)?;
    Ok(Sentences {
        head: Some(Head { output: Output::Embedding, picks, steps }),
        limit: settings["max_seq_length"].as_u64().and_then(|limit| usize::try_from(limit).ok()),
        lower_case: settings["do_lower_case"] == true,
    })
}

/// What is done to texts; null where nothing is said.
fn settings(folder: &Path) -> Result<Value, ConfigError> {
    let mut paths = SETTINGS.iter().map(|name| folder.join(name));
    paths.find(|path| path.is_file()).map_or(Ok(Value::Null), |path| json::read(&path))
}

/// `2_Dense/config.json`.
fn dense(folder: &Path, place: &str) -> Result<Dense, ConfigError> {
    #[derive(Deserialize)]
    struct Keys {
        in_features: usize,
        out_features: usize,
        #[serde(default = "yes")]
        bias: bool,
        #[serde(default = "tanh")]
        activation_function: String,
        #[serde(default)]
        use_residual: bool,
        module_input_name: Option<String>,
        module_output_name: Option<String>,
    }
    fn yes() -> bool {
        true
    }
    fn tanh() -> String {
        "torch.nn.modules.activation.Tanh".to_owned()
    }
    let keys: Keys = json::read(&folder.join(place).join("config.json"))?;
    if keys.use_residual {
        return Err(ConfigError::unsupported("use_residual", true, "false"));
    }
    for (key, value) in
        [("module_input_name", keys.module_input_name), ("module_output_name", keys.module_output_name)]
    {
        if let Some(value) = value.filter(|value| value != "sentence_embedding") {
            return Err(ConfigError::unsupported(key, value, "sentence_embedding"));
        }
    }
    let activation = match keys.activation_function.rsplit('.').next().unwrap_or_default() {
        "Identity" => None,
        "Tanh" => Some(Activation::Tanh),
        "ReLU" => Some(Activation::Relu),
        "GELU" => Some(Activation::Gelu),
        "SiLU" => Some(Activation::Silu),
        _ => {
            return Err(ConfigError::unsupported(
                "activation_function",
                keys.activation_function,
                "Identity, Tanh, ReLU, GELU and SiLU",
            ));
        }
    };
    let dense = Dense::new(format!("{place}{LINEAR}"), keys.in_features, keys.out_features);
    Ok(Dense { bias: keys.bias, activation, ..dense })
}

fn pooling_modes(path: &Path) -> Result<Vec<Pick>, ConfigError> {
    let keys: Map<String, Value> = json::read(path)?;
    if let Some(named) = keys.get("pooling_mode") {
        let names = named.as_array().map_or(std::slice::from_ref(named), Vec::as_slice);
        let mode = |value: &Value| MODES.iter().find(|(name, ..)| value == name).map(|(.., mode)| *mode);
        let modes = names.iter().map(mode).collect::<Option<Vec<_>>>().filter(|modes| !modes.is_empty());
        return modes.ok_or_else(|| ConfigError::unsupported("pooling_mode", named.clone(), KNOWN));
    }
    let on = |key: &str| keys.get(key) == Some(&Value::Bool(true));
    let unknown = keys.keys().find(|key| {
        key.starts_with("pooling_mode_") && on(key) && MODES.iter().all(|(_, known, _)| known != key)
    });
    if let Some(key) = unknown {
        return Err(ConfigError::unsupported(key, true, KNOWN));
    }
    let modes: Vec<_> = MODES.iter().filter(|(_, key, _)| on(key)).map(|(.., mode)| *mode).collect();
    if modes.is_empty() {
        return Err(ConfigError::Inconsistent(format!("no pooling mode of `{}` is true", path.display())));
    }
    Ok(modes)
}
