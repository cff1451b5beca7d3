//! From the names that checkpoints of every age give their tensors to canonical ones.

use super::family::Canonical;

/// The name with the prefix of the model inside its head, where the checkpoint is that of a bare encoder.
fn with_prefix(name: String, prefix: &str, parts: &[&str]) -> String {
    let bare = parts.iter().any(|part| name.starts_with(part));
    if bare { format!("{prefix}.{name}") } else { name }
}

/// What all checkpoints of BERT's kin share: constants that older versions of transformers saved, and
/// layer norms that carry TensorFlow's names.
fn common(raw: &str) -> Result<String, Canonical> {
    if raw.ends_with(".position_ids") || raw.ends_with(".token_type_ids") {
        return Err(Canonical::Ignored("a constant that older versions of transformers saved"));
    }
    Ok(match raw.strip_suffix(".LayerNorm.gamma") {
        Some(stem) => format!("{stem}.LayerNorm.weight"),
        None => match raw.strip_suffix(".LayerNorm.beta") {
            Some(stem) => format!("{stem}.LayerNorm.bias"),
            None => raw.to_owned(),
        },
    })
}

/// As [`common`], for a model that lies under `prefix` and consists of `parts`, leaving out what starts
/// like a pretraining head.
pub(super) fn rename(raw: &str, prefix: &str, parts: &[&str], pretraining: &[&str]) -> Canonical {
    if pretraining.iter().any(|start| raw.starts_with(start)) {
        return Canonical::Ignored("pretraining head");
    }
    match common(raw) {
        Ok(name) => Canonical::Tensor(with_prefix(name, prefix, parts)),
        Err(ignored) => ignored,
    }
}
