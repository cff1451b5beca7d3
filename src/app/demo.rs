//! The embedded model and the embedded dataset. They need no network and no other file.

use std::path::Path;

use gatecheck_base::fs::{FileError, write_atomic};
use gatecheck_data::dataset::{DatasetSpec, manifest::LabelNames};

use super::{
    settings::Texts,
    source::{DatasetPlace, DatasetReference, ModelPlace, ModelReference},
};

/// The name of model and dataset.
const NAME: &str = "demo-nli";

/// The model's files, made by `cargo run --release --example train_demo`.
const MODEL: &[(&str, &[u8])] = &[
    ("config.json", include_bytes!("../../models/demo-nli/config.json")),
    ("model.safetensors", include_bytes!("../../models/demo-nli/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../models/demo-nli/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../models/demo-nli/tokenizer_config.json")),
];

const VALIDATION: &[u8] = include_bytes!("../../datasets/demo-nli/validation.jsonl");

/// Writes the model's files into `folder`.
pub fn model(folder: &Path) -> Result<ModelReference, FileError> {
    let folder = folder.join("model");
    for (name, bytes) in MODEL {
        write_atomic(&folder.join(name), bytes)?;
    }
    let source = format!("embedded {NAME}");
    Ok(ModelReference { name: NAME.to_owned(), place: ModelPlace::Folder(folder), source })
}

/// Writes the validation set into `folder`.
pub fn dataset(folder: &Path) -> Result<DatasetReference, FileError> {
    let path = folder.join("validation.jsonl");
    write_atomic(&path, VALIDATION)?;
    let labels = ["entailment", "neutral", "contradiction"].map(str::to_owned).to_vec();
    let spec = DatasetSpec {
        name: NAME.to_owned(),
        split: "validation".to_owned(),
        source: format!("embedded {NAME}"),
        labels: LabelNames::Ordered(labels),
        ..DatasetSpec::default()
    };
    Ok(DatasetReference {
        spec,
        place: DatasetPlace::Files(vec![path]),
        texts: Texts::default(),
        part: None,
        limit: None,
    })
}
