//! Against a small Hub on the loopback address.

mod cache;
mod dataset;
mod fake;
mod hostile;
mod model;
mod refusals;
mod silence;
mod sizes;
mod statuses;
mod transfer;
mod upload;
mod upload_faults;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::{fs, kind::ErrorKind};

use self::fake::{Answer, Ask, FakeHub, SHA, files, reply};
use super::*;

fn model() -> Answer {
    files(&[
        ("config.json", "{}"),
        ("tokenizer.json", "{\"t\": 1}"),
        ("1_Pooling/config.json", "{\"p\": 1}"),
        ("model.safetensors", "weights weights weights"),
        ("pytorch_model.bin", "pickle"),
        ("modeling_evil.py", "import os"),
        ("onnx/model.onnx", "onnx"),
    ])
}

fn quiet(_: Progress<'_>) {}

/// As a model's files depend on its modules.
fn companions(folder: &Path) -> Vec<String> {
    let mut names = ["1_Pooling/config.json", "config.json", "modules.json", "tokenizer.json"]
        .map(str::to_owned)
        .to_vec();
    if fs::read_text(&folder.join("modules.json")).is_ok_and(|text| text.contains("2_Dense")) {
        names.push("2_Dense/model.safetensors".to_owned());
    }
    names
}

fn snapshot(hub: &Hub) -> Result<Snapshot, HubError> {
    hub.model_snapshot("owner/model", None, companions, &mut quiet)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
