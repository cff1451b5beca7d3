//! What the tensors of a folder are, by the names that its architecture gives them.

use std::collections::BTreeMap;

use super::{
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
            match architecture.canonical(view.name) {
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
