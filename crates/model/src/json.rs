//! JSON files of a model folder.

use std::path::Path;

use gatecheck_base::fs::read_text;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{activation::Activation, error::ConfigError};

/// Parses one of them.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    parse(&read_text(path)?, path)
}

/// Parses the text of the file at `path`.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    serde_json::from_str(text)
        .map_err(|error| ConfigError::Malformed { path: path.to_owned(), reason: error.to_string() })
}

/// `config.json`, and where it lies.
pub(crate) struct Json<'a> {
    pub(crate) path: &'a Path,
    pub(crate) value: &'a Value,
}

impl Json<'_> {
    /// The keys that `T` has; other keys do not matter.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        serde_json::from_value(self.value.clone()).map_err(|error| {
            self.unknown_activation().unwrap_or_else(|| ConfigError::Malformed {
                path: self.path.to_owned(),
                reason: error.to_string(),
            })
        })
    }

    /// The first key for an activation whose function is not implemented.
    fn unknown_activation(&self) -> Option<ConfigError> {
        let (key, value) = self.value.as_object()?.iter().find(|(key, value)| {
            let names_one = key.ends_with("act") || key.contains("activation");
            names_one && value.is_string() && Activation::deserialize(*value).is_err()
        })?;
        Some(ConfigError::unsupported(key, value.clone(), Activation::NAMES))
    }

    /// Refuses another value of `key` than `only`, which an absent key has.
    pub(crate) fn require(
        &self,
        key: &str,
        only: impl Into<Value>,
        text: &'static str,
    ) -> Result<(), ConfigError> {
        match &self.value[key] {
            Value::Null => Ok(()),
            value if *value == only.into() => Ok(()),
            value => Err(ConfigError::unsupported(key, value.clone(), text)),
        }
    }
}
