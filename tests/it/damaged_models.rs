//! Model folders with damage nobody thought of, made from a seed: each is used, or refused by the name of what is
//! wrong, and no number in a file is believed before there is something behind it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use gatecheck_backend::{Encode, LoadOptions};
use gatecheck_candle::CandleBackend;
use gatecheck_model::{
    batch::{Batch, Encoded},
    convert::{Recipe, SHARD_BYTES, plan},
};
use serde_json::{Value, json};

use crate::{damage::Seeded, model_folder::ModelFolder};

/// Plans a conversion, loads the baseline and has it read three tokens. What is refused is named.
fn used_or_refused(folder: &Path, what: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if let Err(error) = plan(folder, &Recipe::try_from(16).unwrap(), SHARD_BYTES) {
            return Some(error.to_string());
        }
        let mut backend = match CandleBackend::load(&LoadOptions::new(folder.to_owned(), 1)) {
            Ok(backend) => backend,
            Err(error) => return Some(error.to_string()),
        };
        let row = Encoded { ids: vec![1, 2, 3], type_ids: vec![0; 3], truncated: false };
        // It must not panic; tokens beyond a table that was made smaller may be refused.
        drop(backend.encode(&Batch::new(&[row])));
        None
    }));
    let Ok(refused) = outcome else { panic!("{what}") };
    if let Some(words) = refused {
        assert!(words.contains('`') && !words.contains("panic"), "{what}: {words}");
    }
}

/// The golden models of all architectures, by folder and one for each.
fn golden() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let inner = folders(&root).into_iter().flat_map(|architecture| folders(&architecture));
    let inner = inner.filter(|path| path.join("config.json").is_file());
    inner.map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect()
}

/// Peak resident memory of this process in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024)
}

/// Runs damage, and fails where a gigabyte was taken for it.
fn frugal(damage: impl FnOnce()) {
    let before = peak();
    damage();
    let taken = peak() - before;
    assert!(taken < 1_000_000_000, "{taken} bytes");
}

fn configurations(rounds: usize) {
    frugal(|| {
        let mut seeded = Seeded(9);
        for place in golden() {
            let folder = ModelFolder::of(&place);
            let text = std::fs::read(folder.join("config.json")).unwrap();
            let config: Value = serde_json::from_slice(&text).unwrap();
            let keys: Vec<String> = config.as_object().unwrap().keys().cloned().collect();
            for round in 0..rounds {
                if round % 4 == 0 {
                    let spoiled = seeded.spoil(&text);
                    folder.write("config.json", &spoiled);
                    used_or_refused(
                        folder.path(),
                        &format!("{place}: {}", String::from_utf8_lossy(&spoiled)),
                    );
                    continue;
                }
                let mut config = config.clone();
                for _ in 0..=seeded.below(2) {
                    let key = &keys[seeded.below(keys.len())];
                    match seeded.below(8) {
                        0 => drop(config.as_object_mut().unwrap().shift_remove(key)),
                        _ => config[key] = seeded.value(),
                    }
                }
                folder.write("config.json", config.to_string().as_bytes());
                used_or_refused(folder.path(), &format!("{place}: {config}"));
            }
        }
    });
}

/// Spoils one file of a model again and again.
fn files(rounds: usize) {
    frugal(|| {
        let mut seeded = Seeded(10);
        let folder = ModelFolder::of("bert/embedding-dense");
        used_or_refused(folder.path(), "as it was");
        for name in [
            "model.safetensors",
            "2_Dense/model.safetensors",
            "modules.json",
            "1_Pooling/config.json",
            "2_Dense/config.json",
        ] {
            let whole = std::fs::read(folder.join(name)).unwrap();
            // The weights behind the header may be anything.
            let header = match name.ends_with(".safetensors") {
                true => 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize,
                false => whole.len(),
            };
            for _ in 0..rounds {
                let (head, rest) = whole.split_at(header);
                let mut spoiled = seeded.spoil(head);
                spoiled.extend_from_slice(rest);
                folder.write(name, &spoiled);
                let head = &spoiled[..spoiled.len().min(300)];
                used_or_refused(folder.path(), &format!("{name}: {}", String::from_utf8_lossy(head)));
            }
            folder.write(name, &whole);
        }
        std::fs::rename(folder.join("model.safetensors"), folder.join("model-1.safetensors")).unwrap();
        let index =
            json!({"weight_map": {"a": "model-1.safetensors", "b": "model-1.safetensors"}}).to_string();
        for _ in 0..rounds {
            folder.write("model.safetensors.index.json", &seeded.spoil(index.as_bytes()));
            used_or_refused(folder.path(), "index");
        }
    });
}

#[test]
fn damaged_configurations_are_refused_by_name() {
    configurations(12);
}

#[test]
fn damaged_files_are_refused_by_name() {
    files(40);
}

#[test]
#[ignore = "slow: make faults"]
fn very_many_damaged_models_are_refused_by_name() {
    configurations(200);
    files(1000);
}
