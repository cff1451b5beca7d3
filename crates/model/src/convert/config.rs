//! `config.json` of the artefact: that of the source, and how it was quantized, as mlx-lm writes it.

use serde_json::{Map, Value, json};

use super::{Action, PlannedTensor, Recipe};

/// Adds `quantization` and its double `quantization_config`.
pub(super) fn with_quantization(source: &Value, recipe: &Recipe, tensors: &[PlannedTensor]) -> Vec<u8> {
    let mut config = source.as_object().cloned().unwrap_or_default();
    for key in ["quantization", "quantization_config"] {
        config.shift_remove(key);
    }
    if let Some(quantization) = quantization(recipe, tensors) {
        config.insert("quantization".to_owned(), quantization.clone());
        config.insert("quantization_config".to_owned(), quantization);
    }
    format!("{:#}\n", Value::Object(config)).into_bytes()
}

/// Bits, group size and mode, and the modules that differ: others, or `false` where a loader that quantizes
/// every matrix would otherwise expect codes. Where the recipe as a whole quantizes nothing, the first module does.
fn quantization(recipe: &Recipe, tensors: &[PlannedTensor]) -> Option<Value> {
    let first = tensors.iter().find_map(|tensor| match tensor.action {
        Action::Quantize { scheme, .. } => Some(scheme),
        Action::Store { .. } => None,
    })?;
    let linear = recipe.linear().unwrap_or(first);
    let mut map = Map::new();
    map.insert("group_size".to_owned(), json!(linear.group_size()));
    map.insert("bits".to_owned(), json!(linear.bits()));
    map.insert("mode".to_owned(), json!(linear.mode()));
    for tensor in tensors {
        let Some(module) = tensor.name.strip_suffix(".weight") else { continue };
        match tensor.action {
            Action::Quantize { scheme, .. } if scheme != linear => {
                map.insert(module.to_owned(), json!(scheme));
            }
            Action::Store { .. } if tensor.shape.len() == 2 => {
                map.insert(module.to_owned(), json!(false));
            }
            _ => {}
        }
    }
    Some(Value::Object(map))
}
