//! Reopens what was written, as a reader would.

use std::{collections::BTreeMap, path::Path};

use gatecheck_base::fs::sha256_file;

use super::{
    ConvertError, Plan, Written, artefact,
    disk::{Files, Place},
};
use crate::{config::ModelConfig, weights::WeightStore};

/// How far the written size may be from the computed one.
const SIZE_TOLERANCE: f64 = 0.01;

/// Checks the names of the tensors, their shapes, types and places, `config.json` and the size, and waits for the disk.
/// Returns lengths and checksums of all files; `hashed` are those that have been read back already, by name. The bytes of
/// the tensors were compared when they were written.
pub(super) fn verify(
    plan: &Plan,
    files: &Files,
    hashed: &BTreeMap<String, String>,
    folder: &Path,
    mut on_bytes: impl FnMut(u64),
) -> Result<BTreeMap<String, Written>, ConvertError> {
    let damaged = |reason: String| ConvertError::Damaged { folder: folder.to_owned(), reason };
    ModelConfig::open(folder)?;
    check_places(plan, &WeightStore::open(folder)?, folder).map_err(damaged)?;
    let (computed, written) = (plan.size_bytes(), artefact::size_bytes(folder)?);
    if (written as f64 - computed as f64).abs() > computed as f64 * SIZE_TOLERANCE {
        return Err(damaged(format!("it takes {written} bytes instead of the computed {computed}")));
    }
    // The disk takes its time; meanwhile the files are hashed.
    std::thread::scope(|scope| {
        let disk = scope.spawn(|| files.sync());
        let mut outputs = BTreeMap::new();
        for (name, bytes) in artefact::files(folder)? {
            let sha256 = match hashed.get(&name) {
                Some(sha256) => sha256.clone(),
                None => sha256_file(&folder.join(&name))?,
            };
            outputs.insert(name, Written { bytes, sha256 });
            on_bytes(bytes);
        }
        disk.join().map_err(|_| damaged("its files could not be synced".to_owned()))??;
        Ok(outputs)
    })
}

/// Every tensor is where the plan has put it, and nothing else is.
fn check_places(plan: &Plan, store: &WeightStore, folder: &Path) -> Result<(), String> {
    let (mut found, mut expected) = (BTreeMap::new(), BTreeMap::new());
    for shard in plan.shards() {
        for one in &shard.outputs {
            let place = one.offset..one.offset + one.output.bytes();
            let described = format!("{:?} {:?}", one.output.dtype, one.output.shape);
            expected.insert(one.output.name.clone(), (described, place, shard.file_name.clone()));
        }
        for (name, place) in store.places(&folder.join(&shard.file_name)) {
            let described = store.find(name).map(|view| format!("{:?} {:?}", view.dtype, view.shape));
            found.insert(name.to_owned(), (described.unwrap_or_default(), place, shard.file_name.clone()));
        }
    }
    if let Some(name) = expected.keys().find(|name| !found.contains_key(*name)) {
        return Err(format!("tensor `{name}` is missing"));
    }
    for (name, (described, place, _)) in &found {
        match expected.get(name) {
            None => return Err(format!("tensor `{name}` is no part of it")),
            Some((planned, _, _)) if planned != described => {
                return Err(format!("tensor `{name}` is {described} instead of {planned}"));
            }
            Some((_, planned, _)) if planned != place => {
                return Err(format!("tensor `{name}` is at {place:?} instead of {planned:?}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
