//! The files of a model: settings, tokenizer, pooling and safetensors weights.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::fs;
use hf_hub::RepoType;

use super::{Hub, HubError, download::Commit, names, transfer::Observer};

/// Which folders of a model belong to it.
const MODULES: &str = "modules.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Endings of weights in formats that are not opened, most of them pickles.
const OTHER_WEIGHTS: &[&str] = &[".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack"];

/// A model in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Folder with its files; there may be others beside them, which are not looked at.
    pub folder: PathBuf,
    /// The commit.
    pub revision: String,
}

impl Hub {
    /// Brings a model into the cache, at `revision` or the head of `main`: its weights, and those files beside
    /// them that `companions` names for a folder that has `modules.json`, if the model has one.
    pub fn model_snapshot(
        &self,
        id: &str,
        revision: Option<&str>,
        companions: fn(&Path) -> Vec<String>,
        observer: &mut dyn FnMut(super::Progress<'_>),
    ) -> Result<Snapshot, HubError> {
        let commit = self.commit(RepoType::Model, id, revision.unwrap_or("main"))?;
        if !commit.has("config.json") {
            let what = commit.what.clone();
            return Err(commit.incomplete().unwrap_or(HubError::NoConfig { what }));
        }
        let page = format!("{}/{id}", self.settings.endpoint);
        check_weights(&commit, page)?;
        // Weights come last: a snapshot that has them has the rest.
        if commit.has(MODULES) {
            commit.fetch(MODULES, observer)?;
        }
        let companions = companions(&commit.folder);
        for file in commit.files.iter().filter(|file| companions.contains(file)) {
            commit.fetch(file, observer)?;
        }
        for file in weights(&commit, observer)? {
            commit.fetch(&file, observer)?;
        }
        commit.remember()?;
        Ok(Snapshot { folder: commit.folder, revision: commit.sha })
    }
}

fn check_weights(commit: &Commit<'_>, page: String) -> Result<(), HubError> {
    if commit.has(WEIGHTS) || commit.has(INDEX) {
        return Ok(());
    }
    if let Some(error) = commit.incomplete() {
        return Err(error);
    }
    let what = commit.what.clone();
    let is_other = |file: &&String| OTHER_WEIGHTS.iter().any(|ending| file.ends_with(ending));
    let files: Vec<_> = commit.files.iter().filter(is_other).cloned().collect();
    Err(if files.is_empty() {
        HubError::NoWeights { what }
    } else {
        HubError::OnlyPickles { what, page, files }
    })
}

/// The weight files: the one, or the shards that the index names.
fn weights(commit: &Commit<'_>, observer: Observer<'_>) -> Result<Vec<String>, HubError> {
    if commit.has(WEIGHTS) {
        return Ok(vec![WEIGHTS.to_owned()]);
    }
    let index = commit.fetch(INDEX, observer)?;
    let malformed = |detail: String| HubError::Index { what: commit.what.clone(), detail };
    let index: Index =
        serde_json::from_slice(&fs::read(&index)?).map_err(|error| malformed(error.to_string()))?;
    let mut shards: Vec<_> = index.weight_map.into_values().collect();
    shards.sort();
    shards.dedup();
    for shard in &shards {
        if !names::stays_inside(shard) {
            return Err(HubError::Unsafe { what: commit.what.clone(), file: shard.clone() });
        }
        if !shard.ends_with(".safetensors") {
            return Err(malformed(format!("`{shard}` is no safetensors file")));
        }
        if commit.incomplete().is_none() && !commit.has(shard) {
            return Err(malformed(format!("the repository has no `{shard}`")));
        }
    }
    if shards.is_empty() { Err(malformed("it names no shards".into())) } else { Ok(shards) }
}

/// What is needed of `model.safetensors.index.json`.
#[derive(serde::Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}
