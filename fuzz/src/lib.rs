//! What the targets share: a folder with files in it, and each reader as its users call it.

pub mod hub;

use std::{cell::OnceCell, path::Path};

use gatecheck_data::dataset::{DatasetSpec, load};
use gatecheck_model::{
    checkpoint::Checkpoint,
    config::ModelConfig,
    tokenizer::{TextEncoder, Truncation},
};

/// Readers of others panic on some input; gatecheck catches that and says which file it was. libFuzzer would stop at
/// any panic, caught or not: with this it stops at those that get out.
pub fn mind_only_what_gets_out() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// Calls `read` with a folder that has these files. It is the same folder every time.
pub fn with_files(files: &[(&str, &[u8])], read: impl FnOnce(&Path)) {
    thread_local! {
        static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
    }
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder"));
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).expect("room for a file");
        }
        read(folder.path());
    });
}

/// The configuration of a small BERT, for what lies beside one.
pub const BERT: &[u8] = include_bytes!("../../tests/text/bert/config.json");

/// Reads a dataset whole, labels and texts.
pub fn dataset(name: &str, bytes: &[u8]) {
    with_files(&[(name, bytes)], |folder| {
        if let Ok(dataset) = load(&DatasetSpec::default(), &[folder.join(name)]) {
            let _ = dataset.each(64, |_| Ok::<_, gatecheck_data::dataset::DatasetError>(()));
        }
    });
}

/// Opens a folder as a model: configuration, tokenizer, weights.
pub fn model(folder: &Path) {
    let Ok(config) = ModelConfig::open(folder) else { return };
    if let Ok(encoder) = TextEncoder::open(folder, &config, Truncation::LongestFirst, None, None) {
        let _ = encoder.encode(&[("a text, caf\u{e9} \u{4e2d}", Some("and another")), ("", None)]);
    }
    if let Ok(checkpoint) = Checkpoint::open(folder, &config) {
        let _ = checkpoint.finish(&[]);
    }
}
