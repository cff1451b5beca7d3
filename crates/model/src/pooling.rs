//! How a sentence-transformers folder turns token states into one vector: `modules.json` and the
//! configuration files it points at (<https://www.sbert.net/docs/package_reference/sentence_transformer/models.html>).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    activation::Activation,
    config::{ConfigError, parse},
    head::Dense,
};

/// Which token states are combined, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolingMode {
    /// The first token's state.
    Cls,
    /// The highest value of each dimension.
    Max,
    /// The mean over the real tokens.
    Mean,
    /// The sum over the real tokens, divided by the square root of their number.
    MeanSqrt,
    /// The last token's state.
    Last,
}

/// Names of the modes: those of version 6 of sentence-transformers, and the switches of `1_Pooling/config.json`
/// before, in the order in which the vectors of several switches stand side by side.
const MODES: [(&str, &str, PoolingMode); 5] = [
    ("cls", "pooling_mode_cls_token", PoolingMode::Cls),
    ("max", "pooling_mode_max_tokens", PoolingMode::Max),
    ("mean", "pooling_mode_mean_tokens", PoolingMode::Mean),
    ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", PoolingMode::MeanSqrt),
    ("lasttoken", "pooling_mode_lasttoken", PoolingMode::Last),
];
const KNOWN: &str = "cls, max, mean, mean_sqrt_len_tokens and lasttoken";

/// From token states to an embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooling {
    /// One or several, their vectors side by side.
    pub modes: Vec<PoolingMode>,
    /// What is done to the result, in this order.
    pub steps: Vec<Step>,
}

/// A module of sentence-transformers after the pooling.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A linear layer. Its weights lie in the folder that its module's path begins with.
    Dense(Dense),
    /// Scales the vector to length 1.
    Normalize,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Pooling {
    /// Folders that hold weights of their own, beside those of the encoder.
    pub fn weight_folders(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Dense(dense) => dense.module.strip_suffix(".linear"),
            Step::Normalize => None,
        })
    }

    /// Refuses layers whose widths do not follow from states of `hidden_size`.
    pub fn check(&self, hidden_size: usize) -> Result<(), ConfigError> {
        let mut width = hidden_size * self.modes.len();
        for step in &self.steps {
            let Step::Dense(Dense { module, inputs, outputs, .. }) = step else { continue };
            if *inputs != width {
                return Err(ConfigError::Inconsistent(format!(
                    "`{module}` takes vectors of {inputs}, and gets {width}"
                )));
            }
            width = *outputs;
        }
        Ok(())
    }

    /// Reads `modules.json`, if there is one, with the limit of `sentence_bert_config.json`.
    pub(crate) fn open(folder: &Path) -> Result<(Option<Self>, Option<usize>), ConfigError> {
        let path = folder.join("modules.json");
        if !path.is_file() {
            return Ok((None, None));
        }
        let modules: Vec<Module> = parse(&path)?;
        let (mut modes, mut steps, mut limit) = (None, Vec::new(), None);
        for Module { path: place, kind } in &modules {
            if place.contains("..") || Path::new(place).is_absolute() {
                return Err(ConfigError::Malformed { path, reason: format!("`{place}` leaves the folder") });
            }
            match kind.rsplit('.').next().unwrap_or_default() {
                "Transformer" => limit = sentence_limit(&folder.join(place))?,
                "Pooling" => modes = Some(pooling_modes(&folder.join(place).join("config.json"))?),
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
        match modes {
            Some(modes) => Ok((Some(Self { modes, steps }), limit)),
            None => Err(ConfigError::Malformed { path, reason: "no Pooling module".to_owned() }),
        }
    }
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
    let keys: Keys = parse(&folder.join(place).join("config.json"))?;
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
    let dense = Dense::new(format!("{place}.linear"), keys.in_features, keys.out_features);
    Ok(Dense { bias: keys.bias, activation, ..dense })
}

fn sentence_limit(folder: &Path) -> Result<Option<usize>, ConfigError> {
    let path = folder.join("sentence_bert_config.json");
    if !path.is_file() {
        return Ok(None);
    }
    let json: Value = parse(&path)?;
    Ok(json["max_seq_length"].as_u64().and_then(|limit| usize::try_from(limit).ok()))
}

fn pooling_modes(path: &Path) -> Result<Vec<PoolingMode>, ConfigError> {
    let json: Map<String, Value> = parse(path)?;
    if let Some(named) = json.get("pooling_mode") {
        let names = named.as_array().map_or(std::slice::from_ref(named), Vec::as_slice);
        let mode = |value: &Value| MODES.iter().find(|(name, ..)| value == name).map(|(.., mode)| *mode);
        let modes = names.iter().map(mode).collect::<Option<Vec<_>>>().filter(|modes| !modes.is_empty());
        return modes.ok_or_else(|| ConfigError::unsupported("pooling_mode", named.clone(), KNOWN));
    }
    let on = |key: &str| json.get(key) == Some(&Value::Bool(true));
    let unknown = json.keys().find(|key| {
        key.starts_with("pooling_mode_") && on(key) && MODES.iter().all(|(_, known, _)| known != key)
    });
    if let Some(key) = unknown {
        return Err(ConfigError::unsupported(key, true, KNOWN));
    }
    let modes: Vec<_> = MODES.iter().filter(|(_, key, _)| on(key)).map(|(.., mode)| *mode).collect();
    if modes.is_empty() {
        return Err(ConfigError::Malformed {
            path: path.to_owned(),
            reason: "no pooling mode is true".to_owned(),
        });
    }
    Ok(modes)
}
