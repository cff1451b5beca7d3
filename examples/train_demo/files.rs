//! What the program leaves behind, and how the committed copy is checked.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use crate::{
    config::{self, DATA_SEED},
    model::Bert,
    pair::{Label, Pair},
};

/// The validation set's place below the output folder.
pub(crate) const DATASET: &str = "datasets/demo-nli";
/// The model's place below the output folder.
pub(crate) const MODEL: &str = "models/demo-nli";

/// The validation set as JSON Lines.
pub(crate) fn lines(pairs: &[Pair]) -> Result<String> {
    let mut text = String::new();
    for pair in pairs {
        text += &serde_json::to_string(pair)?;
        text.push('\n');
    }
    Ok(text)
}

/// The validation set's manifest.
pub(crate) fn manifest(text: &str, rows: usize) -> Result<String> {
    let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let manifest = json!({
        "name": "demo-nli",
        "description": "Sentence pairs from a small grammar of English, labelled by what follows from what.",
        "license": "Apache-2.0",
        "generator": "examples/train_demo",
        "seed": DATA_SEED,
        "file": "validation.jsonl",
        "rows": rows,
        "fields": {"premise": "string", "hypothesis": "string", "label": "int", "idx": "int", "phenomenon": "string"},
        "label_names": Label::NAMES,
        "sha256": digest,
    });
    pretty(&manifest)
}

fn pretty(value: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Writes the validation set and its manifest.
pub(crate) fn write_dataset(out: &Path, pairs: &[Pair]) -> Result<()> {
    let text = lines(pairs)?;
    write(&out.join(DATASET).join("validation.jsonl"), text.as_bytes())?;
    write(&out.join(DATASET).join("manifest.json"), manifest(&text, pairs.len())?.as_bytes())
}

/// Compares the validation set and its manifest with the files in `out`, byte for byte.
pub(crate) fn check_dataset(out: &Path, pairs: &[Pair]) -> Result<()> {
    let text = lines(pairs)?;
    for (name, made) in [("manifest.json", manifest(&text, pairs.len())?), ("validation.jsonl", text)] {
        let path = out.join(DATASET).join(name);
        let found =
            fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        if found != made {
            bail!("`{}` is not what the generator makes", path.display());
        }
    }
    Ok(())
}

/// Writes the model as Hugging Face keeps it, its weights in half precision.
pub(crate) fn write_model(out: &Path, model: &Bert, tokenizer: &Tokenizer) -> Result<()> {
    let folder = out.join(MODEL);
    let vocabulary = tokenizer.get_vocab_size(true);
    write(&folder.join("config.json"), pretty(&config::bert(vocabulary))?.as_bytes())?;
    write(&folder.join("tokenizer_config.json"), pretty(&config::tokenizer())?.as_bytes())?;
    let json = tokenizer
        .to_string(true)
        .map_err(|error| anyhow::anyhow!("failed to write the tokenizer: {error}"))?;
    write(&folder.join("tokenizer.json"), (json + "\n").as_bytes())?;
    let tensors = model
        .variables
        .iter()
        .map(|(name, var)| Ok((name.as_str(), var.as_tensor().to_dtype(DType::F16)?)))
        .collect::<candle_core::Result<Vec<_>>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    write(&folder.join("model.safetensors"), &safetensors::serialize(tensors, Some(metadata))?)
}

/// Reads a model that [`write_model`] wrote.
pub(crate) fn read_model(out: &Path) -> Result<(Bert, Tokenizer)> {
    let folder = out.join(MODEL);
    let path = folder.join("tokenizer.json");
    let tokenizer = Tokenizer::from_file(&path)
        .map_err(|error| anyhow::anyhow!("failed to read `{}`: {error}", path.display()))?;
    let path = folder.join("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu)
        .with_context(|| format!("failed to read `{}`", path.display()))?;
    let given = |name: &str| -> candle_core::Result<Tensor> {
        tensors
            .get(name)
            .cloned()
            .ok_or_else(|| candle_core::Error::Msg(format!("the file has no tensor `{name}`")))
    };
    Ok((Bert::load(tokenizer.get_vocab_size(true), &given)?, tokenizer))
}

/// Writes to a neighbour and renames, so that no half file is left under the name.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    }
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).with_context(|| format!("failed to write `{}`", partial.display()))?;
    fs::rename(&partial, path).with_context(|| format!("failed to rename to `{}`", path.display()))
}
