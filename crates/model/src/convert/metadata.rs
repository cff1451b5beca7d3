//! `conversion_metadata.json`: where an artefact comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Action, Group, Plan, Recipe};
use crate::quant::Float;

/// Name of the file in the artefact.
pub const METADATA_FILE: &str = "conversion_metadata.json";
/// Version of its form. A reader refuses a higher one.
///
/// 1: the first.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// What is known about the making of an artefact. There is no time in it, so that the same conversion
/// gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of this form.
    pub schema_version: u32,
    /// Always `gatecheck`.
    pub tool: String,
    /// Version of the program.
    pub tool_version: String,
    /// The model that was converted, as the user named it.
    pub source: String,
    /// Its revision on the Hub, where there is one.
    pub revision: Option<String>,
    /// What was asked for.
    pub recipe: Recipe,
    /// Checksum of the recipe and the inputs.
    pub recipe_sha256: String,
    /// SHA-256 of every file that was read.
    pub inputs: BTreeMap<String, String>,
    /// Every file of the artefact but this one.
    pub outputs: BTreeMap<String, Written>,
    /// Size in bytes computed from shapes and the recipe.
    pub computed_bytes: u64,
    /// Size in bytes on disk.
    pub written_bytes: u64,
    /// Its tensors, those of all layers that are treated alike together, and what was lost. Empty in the first artefacts.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Tensors that were left unquantized, and why.
    pub unquantized: Vec<Kept>,
    /// Tensors of the source that were left out, and why.
    pub ignored: BTreeMap<String, String>,
}

/// A file of an artefact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Its length.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: String,
}

/// A tensor that was not quantized, or whose scales are not in the type of the recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The tensor.
    pub name: String,
    /// The type of its floats in the artefact.
    pub dtype: Float,
    /// Why.
    pub reason: String,
}

pub(super) fn kept(plan: &Plan) -> Vec<Kept> {
    let tensors = plan.tensors.iter().filter_map(|tensor| {
        let (Action::Quantize { dtype, .. } | Action::Store { dtype }) = tensor.action;
        Some(Kept { name: tensor.name.clone(), dtype, reason: tensor.reason.clone()? })
    });
    tensors.collect()
}
