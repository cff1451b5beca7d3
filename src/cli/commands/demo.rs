//! `demo`: the embedded model on the embedded dataset. Needs no network and no other file.

use std::path::Path;

use gatecheck_base::fs::write_atomic;
use gatecheck_data::dataset::{self, Dataset, DatasetSpec};

use super::{
    report::with_gates,
    resume::BegunCommand,
    run::{Measuring, Start, arms, policy},
};
use crate::{
    app::plan::{ModelSource, Settings},
    cli::{args::DemoArgs, error::CliError, printer::Printer},
};

/// The name of model and dataset.
const NAME: &str = "demo-nli";

/// The model's files, made by `cargo run --release --example train_demo`.
const MODEL: &[(&str, &[u8])] = &[
    ("config.json", include_bytes!("../../../models/demo-nli/config.json")),
    ("model.safetensors", include_bytes!("../../../models/demo-nli/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../../models/demo-nli/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../../models/demo-nli/tokenizer_config.json")),
];

const VALIDATION: &[u8] = include_bytes!("../../../datasets/demo-nli/validation.jsonl");

pub(crate) fn demo(args: &DemoArgs, printer: Printer) -> Result<u8, CliError> {
    begin(args, Start::Fresh(BegunCommand::Demo(Box::new(args.clone())).to_json()?), printer)
}

/// Measures, or goes on measuring.
pub(crate) fn begin(args: &DemoArgs, start: Start, printer: Printer) -> Result<u8, CliError> {
    let arms = arms(&args.arms, args.quantization.bits, None)?;
    let policy = with_gates(policy(None, None), &args.gates)?;
    let mut measuring = Measuring::new(&args.measuring, printer)?;
    let files = args.out.join("files");
    let model = unpack(&files)?;
    let mut dataset = validation(&files)?;
    if let Some(limit) = args.limit {
        dataset::limit(&mut dataset, usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let settings = Settings {
        arms,
        group_size: args.quantization.group_size,
        embedding_bits: args.quantization.embedding_bits,
        output_dir: files.join("mlx_converted"),
        policy,
        ..measuring.settings()?
    };
    measuring.cell(&model, &dataset, &settings, start, &args.out, args.json)
}

/// Writes the model's files into `folder`.
pub(crate) fn unpack(folder: &Path) -> Result<ModelSource, CliError> {
    let folder = folder.join("model");
    for (name, bytes) in MODEL {
        write_atomic(&folder.join(name), bytes)?;
    }
    Ok(ModelSource { name: NAME.to_owned(), folder, source: format!("embedded {NAME}"), revision: None })
}

/// Writes the validation set into `folder` and reads it as any other.
pub(crate) fn validation(folder: &Path) -> Result<Dataset, CliError> {
    let path = folder.join("validation.jsonl");
    write_atomic(&path, VALIDATION)?;
    let labels = ["entailment", "neutral", "contradiction"].map(str::to_owned).to_vec();
    let spec = DatasetSpec {
        name: NAME.to_owned(),
        split: "validation".to_owned(),
        source: format!("embedded {NAME}"),
        labels: dataset::manifest::LabelNames::Ordered(labels),
        ..DatasetSpec::default()
    };
    Ok(dataset::load(&spec, &[path])?)
}
