//! How a sentence-transformers folder turns token states into one vector: `modules.json` and the
//! configuration files it points at (<https://www.sbert.net/docs/package_reference/sentence_transformer/models.html>).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{ConfigError, parse};

/// Which token states are combined, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolingMode {
    /// The first token's state.
    Cls,
    /// The mean over the real tokens.
    Mean,
}

/// From token states to an embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooling {
    /// Over which tokens.
    pub mode: PoolingMode,
    /// Whether the result is scaled to length 1.
    pub normalize: bool,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Pooling {
    /// Reads `modules.json`, if there is one, with the limit of `sentence_bert_config.json`.
    pub(super) fn open(folder: &Path) -> Result<(Option<Self>, Option<usize>), ConfigError> {
        let path = folder.join("modules.json");
        if !path.is_file() {
            return Ok((None, None));
        }
        let modules: Vec<Module> = parse(&path)?;
        let (mut mode, mut normalize, mut limit) = (None, false, None);
        for Module { path: place, kind } in &modules {
            if place.contains("..") || Path::new(place).is_absolute() {
                return Err(ConfigError::Malformed { path, reason: format!("`{place}` leaves the folder") });
            }
            match kind.rsplit('.').next().unwrap_or_default() {
                "Transformer" => limit = sentence_limit(&folder.join(place))?,
                "Pooling" => mode = Some(pooling_mode(&folder.join(place).join("config.json"))?),
                "Normalize" => normalize = true,
                _ => {
                    return Err(ConfigError::unsupported(
                        "modules.json: type",
                        kind.clone(),
                        "Transformer, Pooling and Normalize",
                    ));
                }
            }
        }
        match mode {
            Some(mode) => Ok((Some(Self { mode, normalize }), limit)),
            None => Err(ConfigError::Malformed { path, reason: "no Pooling module".to_owned() }),
        }
    }
}

fn sentence_limit(folder: &Path) -> Result<Option<usize>, ConfigError> {
    let path = folder.join("sentence_bert_config.json");
    if !path.is_file() {
        return Ok(None);
    }
    let json: Value = parse(&path)?;
    Ok(json["max_seq_length"].as_u64().and_then(|limit| usize::try_from(limit).ok()))
}

fn pooling_mode(path: &Path) -> Result<PoolingMode, ConfigError> {
    let json: Map<String, Value> = parse(path)?;
    let on: Vec<_> = json
        .iter()
        .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
        .map(|(key, _)| key.as_str())
        .collect();
    match on[..] {
        ["pooling_mode_cls_token"] => Ok(PoolingMode::Cls),
        ["pooling_mode_mean_tokens"] => Ok(PoolingMode::Mean),
        [] => Err(ConfigError::Malformed {
            path: path.to_owned(),
            reason: "no pooling mode is true".to_owned(),
        }),
        _ => Err(ConfigError::unsupported(on[on.len() - 1], true, "one of mean and cls")),
    }
}
