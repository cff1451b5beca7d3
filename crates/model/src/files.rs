//! The files of a model folder: one list for what is fetched, measured, hashed and converted.

use std::path::{Path, PathBuf};

use crate::{
    pooling::{SETTINGS, modules},
    weights::{WeightError, weight_files},
};

/// Configuration and tokenizer. What is not on a list is never taken: code (`*.py`) and pickles are not.
const NAMES: &[&str] = &[
    "added_tokens.json",
    "config.json",
    "config_sentence_transformers.json",
    "merges.txt",
    "modules.json",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "spm.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
];

/// Names, sorted and with `/`, of the files that a model may have beside the weights of its encoder: those known,
/// and those of the modules that the `modules.json` of `folder` names. A `modules.json` that cannot be read names
/// none here; whoever opens the model is told.
pub fn companions(folder: &Path) -> Vec<String> {
    let modules = modules(folder).unwrap_or_default().into_iter().filter(|module| !module.path.is_empty());
    let of_module = |path: String| ["config.json", "model.safetensors"].map(|name| format!("{path}/{name}"));
    let known = NAMES.iter().chain(&SETTINGS).map(|name| (*name).to_owned());
    let mut names: Vec<_> = known.chain(modules.flat_map(|module| of_module(module.path))).collect();
    names.sort();
    names
}

/// All files that running a model needs. Fails where it has no weights.
pub fn model_files(folder: &Path) -> Result<Vec<PathBuf>, WeightError> {
    let companions = companions(folder).into_iter().map(|name| folder.join(name));
    let mut files: Vec<_> = companions.filter(|path| path.is_file()).collect();
    files.extend(weight_files(folder)?);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_belong_to_a_model_and_code_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        let mut expected = vec![
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            "config.json",
            "modules.json",
            "sentence_xlnet_config.json",
            "vocab.txt",
            "model.safetensors",
        ];
        let others = ["model.py", "2_Dense/pytorch_model.bin", "3_Other/config.json", "sentence_config.json"];
        expected.iter().chain(&others).for_each(|name| put(name));
        let modules = r#"[{"path": "", "type": "Transformer"}, {"path": "1_Pooling", "type": "Pooling"},
                          {"path": "2_Dense", "type": "Dense"}]"#;
        std::fs::write(folder.path().join("modules.json"), modules).unwrap();
        let found = |folder: &Path| {
            let files = model_files(folder).unwrap();
            let name = |file: &PathBuf| file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            files.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(found(folder.path()), expected);
        std::fs::write(folder.path().join("modules.json"), "[{").unwrap();
        expected.retain(|name| !name.contains('/'));
        assert_eq!(found(folder.path()), expected);
    }
}
