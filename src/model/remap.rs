//! From the tensor names that checkpoints use to the one name each tensor has here: that of the
//! transformers model with its head, such as `bert.encoder.layer.0.output.dense.weight`.

use super::architecture::Architecture;

/// What a tensor of a checkpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canonical {
    /// A tensor of the model.
    Tensor(String),
    /// Not part of the model, for this reason.
    Ignored(&'static str),
}

/// Tells what the tensor `raw` of a checkpoint is.
pub fn canonical(architecture: Architecture, raw: &str) -> Canonical {
    match architecture {
        Architecture::Bert => bert(raw),
    }
}

fn bert(raw: &str) -> Canonical {
    if raw.ends_with(".position_ids") {
        return Canonical::Ignored("a constant that older versions of transformers saved");
    }
    if raw.starts_with("cls.") {
        return Canonical::Ignored("pretraining head");
    }
    // Checkpoints converted from TensorFlow name the parameters of layer norms so.
    let name = match raw.strip_suffix(".LayerNorm.gamma") {
        Some(stem) => format!("{stem}.LayerNorm.weight"),
        None => match raw.strip_suffix(".LayerNorm.beta") {
            Some(stem) => format!("{stem}.LayerNorm.bias"),
            None => raw.to_owned(),
        },
    };
    let bare = ["embeddings.", "encoder.", "pooler."].iter().any(|start| name.starts_with(start));
    Canonical::Tensor(if bare { format!("bert.{name}") } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bert_names_of_every_age() {
        let tensor = |raw: &str| canonical(Architecture::Bert, raw);
        let expected = Canonical::Tensor("bert.embeddings.LayerNorm.weight".to_owned());
        assert_eq!(tensor("bert.embeddings.LayerNorm.gamma"), expected);
        assert_eq!(tensor("embeddings.LayerNorm.weight"), expected);
        assert_eq!(tensor("classifier.bias"), Canonical::Tensor("classifier.bias".to_owned()));
        assert!(matches!(tensor("embeddings.position_ids"), Canonical::Ignored(_)));
        assert!(matches!(tensor("cls.predictions.bias"), Canonical::Ignored(_)));
    }
}
