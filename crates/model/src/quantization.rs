//! What a `config.json` says of quantized weights.

use serde_json::Value;

use crate::{
    architecture::{Architecture, Canonical},
    error::ConfigError,
    quant::{Mode, Scheme},
};

/// How weights are quantized, by the keys that mlx-lm writes.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizationConfig {
    /// That of every matrix without an own one.
    pub default: Scheme,
    /// Canonical paths of modules with their own; `None` for one that is not quantized.
    pub overrides: Vec<(String, Option<Scheme>)>,
}

impl QuantizationConfig {
    /// Reads `quantization`, or `quantization_config` of the same form. The paths of modules are those of the weights as
    /// they are stored.
    pub(crate) fn read(json: &Value, architecture: &Architecture) -> Result<Option<Self>, ConfigError> {
        let both = ["quantization", "quantization_config"].map(|key| &json[key]);
        let Some(json) = both.into_iter().find(|json| json.is_object()) else { return Ok(None) };
        let default = scheme(json, "")?;
        let mut overrides = Vec::new();
        for (name, value) in json.as_object().into_iter().flatten() {
            let own = match value {
                Value::Object(_) => Some(scheme(value, name)?),
                Value::Bool(false) => None,
                _ => continue,
            };
            overrides.push((canonical(name, architecture), own));
        }
        Ok(Some(Self { default, overrides }))
    }

    /// Whether a module has an own scheme, and which.
    pub fn own(&self, module: &str) -> Option<Option<Scheme>> {
        self.overrides.iter().find(|(name, _)| name == module).map(|(_, own)| *own)
    }

    /// How a module is quantized, if its columns split into groups.
    pub fn of(&self, module: &str) -> Option<Scheme> {
        self.own(module).unwrap_or(Some(self.default))
    }

    /// Whether all modules have the same scheme, or none.
    pub fn is_uniform(&self) -> bool {
        self.overrides.iter().all(|(_, own)| own.is_none_or(|own| own == self.default))
    }
}

/// The canonical path of a module, given that of its tensors in the file.
fn canonical(module: &str, architecture: &Architecture) -> String {
    let (Canonical::Tensor(name) | Canonical::Copy(name)) =
        architecture.canonical(&format!("{module}.weight"))
    else {
        return module.to_owned();
    };
    name.strip_suffix(".weight").map_or(name.clone(), str::to_owned)
}

fn scheme(json: &Value, module: &str) -> Result<Scheme, ConfigError> {
    let place = if module.is_empty() { "quantization".to_owned() } else { format!("quantization: {module}") };
    let mode = match &json["mode"] {
        Value::Null => Mode::Affine,
        word => word.as_str().and_then(Mode::of_name).ok_or_else(|| {
            ConfigError::unsupported(&format!("{place}: mode"), word.clone(), "affine, mxfp4, mxfp8, nvfp4")
        })?,
    };
    let number = |key: &str| {
        let value = json[key].as_u64().and_then(|value| u32::try_from(value).ok());
        value.ok_or_else(|| {
            let only = "only MLX's quantization can be read";
            ConfigError::Inconsistent(format!("`{place}` has no `{key}`; {only}"))
        })
    };
    Ok(Scheme::new(mode, number("bits")?, number("group_size")?)?)
}
