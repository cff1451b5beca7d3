//! What the tensors of a folder are, by the names that its architecture gives them.

use std::collections::BTreeMap;

use crate::{
    architecture::{Architecture, Canonical},
    weights::{WeightError, WeightStore},
};

/// The tensors of a model and those that are none of it.
#[derive(Debug)]
pub struct Names {
    /// Names in the folder by canonical names.
    pub tensors: BTreeMap<String, String>,
    /// Names in the folder, and why they are left out.
    pub ignored: Vec<(String, String)>,
}

impl Names {
    /// Sorts the tensors of `store`.
    pub fn of(store: &WeightStore, architecture: &Architecture) -> Result<Self, WeightError> {
        let (mut tensors, mut ignored, mut copies) = (BTreeMap::new(), Vec::new(), Vec::new());
        for view in store.iter() {
            let raw = view.name.to_owned();
            let known = if store.is_npz() { of_examples(view.name) } else { view.name.to_owned() };
            match architecture.canonical(&known) {
                Canonical::Tensor(name) => {
                    if tensors.insert(name.clone(), raw).is_some() {
                        return Err(WeightError::Duplicate { name });
                    }
                }
                Canonical::Copy(name) => copies.push((name, view)),
                Canonical::Ignored(reason) => ignored.push((raw, reason.to_owned())),
            }
        }
        for (name, copy) in copies {
            let Some(first) = tensors.get(&name).and_then(|raw| store.find(raw)) else {
                tensors.insert(name, copy.name.to_owned());
                continue;
            };
            if (copy.dtype, copy.shape, copy.bytes) != (first.dtype, first.shape, first.bytes) {
                return Err(WeightError::Untied { name: copy.name.to_owned(), other: first.name.to_owned() });
            }
            ignored.push((copy.name.to_owned(), format!("the same tensor as `{}`", first.name)));
        }
        Ok(Self { tensors, ignored })
    }
}

/// The name that transformers gives a tensor of BERT, from the one of mlx-examples
/// (<https://github.com/ml-explore/mlx-examples/tree/main/bert>), whose `weights.npz` many have copied. Other names stay.
fn of_examples(name: &str) -> String {
    const ENDS: [(&str, &str); 9] = [
        ("attention.query_proj", "attention.self.query"),
        ("attention.key_proj", "attention.self.key"),
        ("attention.value_proj", "attention.self.value"),
        ("attention.out_proj", "attention.output.dense"),
        ("ln1", "attention.output.LayerNorm"),
        ("ln2", "output.LayerNorm"),
        ("linear1", "intermediate.dense"),
        ("linear2", "output.dense"),
        ("norm", "LayerNorm"),
    ];
    let Some((module, part)) = name.rsplit_once('.') else { return name.to_owned() };
    if let Some((start, rest)) = module.split_once("encoder.layers.")
        && let Some((layer, inner)) = rest.split_once('.')
        && let Some((_, known)) = ENDS.iter().find(|(end, _)| *end == inner)
    {
        return format!("{start}encoder.layer.{layer}.{known}.{part}");
    }
    match module {
        "embeddings.norm" => format!("embeddings.LayerNorm.{part}"),
        "pooler" => format!("pooler.dense.{part}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use safetensors::{Dtype, serialize_to_file, tensor::TensorView};

    use super::*;

    fn names(tensors: &[(&str, u8)]) -> Result<Names, WeightError> {
        let bytes: Vec<_> = tensors.iter().map(|(_, value)| [*value; 8]).collect();
        let view = |bytes| TensorView::new(Dtype::F32, vec![2], bytes).unwrap();
        let views = tensors.iter().zip(&bytes).map(|((name, _), bytes)| (*name, view(bytes)));
        let folder = tempfile::tempdir().unwrap();
        serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();
        let architecture = Architecture::from_model_type("bart").unwrap();
        Names::of(&WeightStore::open(folder.path()).unwrap(), architecture)
    }

    #[test]
    fn a_shared_table_is_one_tensor() {
        let (shared, encoder, decoder) =
            ("model.shared.weight", "model.encoder.embed_tokens.weight", "decoder.embed_tokens.weight");
        let all = names(&[(shared, 1), (encoder, 1), (decoder, 1)]).unwrap();
        assert_eq!(all.tensors, BTreeMap::from([(shared.to_owned(), shared.to_owned())]));
        let reason = "the same tensor as `model.shared.weight`";
        let ignored = [decoder, encoder].map(|name| (name.to_owned(), reason.to_owned()));
        assert_eq!(all.ignored, ignored);
        // Without the table itself a copy is as good.
        let copies = names(&[(encoder, 1), (decoder, 1)]).unwrap();
        assert_eq!(copies.tensors, BTreeMap::from([(shared.to_owned(), decoder.to_owned())]));
        assert_eq!(copies.ignored.len(), 1);
    }

    #[test]
    fn tables_that_differ_are_not_shared() {
        let error = names(&[("shared.weight", 1), ("encoder.embed_tokens.weight", 2)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tensor `encoder.embed_tokens.weight` differs from `shared.weight`, though the model has one in \
             place of both"
        );
        let twice = names(&[("shared.weight", 1), ("model.shared.weight", 1)]).unwrap_err();
        assert_eq!(twice.to_string(), "tensor `model.shared.weight` is there twice");
    }
}
