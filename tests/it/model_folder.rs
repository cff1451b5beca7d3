//! A copy of a golden model that a test may spoil.

use std::path::{Path, PathBuf};

use gatecheck_model::weights::WeightStore;
use safetensors::{Dtype, serialize_to_file, tensor::TensorView};
use serde_json::{Value, json};

/// A tensor in memory.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// A model folder that is deleted when dropped.
pub(crate) struct ModelFolder(tempfile::TempDir);

/// Copies what lies in a folder and in the folders below.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

impl ModelFolder {
    /// Copies a golden model, such as `bert/classifier-odd`, and gives it a tokenizer.
    pub(crate) fn of(place: &str) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(place);
        let folder = Self(tempfile::tempdir().unwrap());
        copy(&source, folder.path());
        folder.remove("golden.json");
        folder.write_tokenizer(5);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.join(name)).unwrap();
    }

    /// Sets one key of `config.json`.
    pub(crate) fn configure(&self, key: &str, value: impl Into<Value>) {
        let text = std::fs::read_to_string(self.join("config.json")).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config[key] = value.into();
        self.write("config.json", config.to_string().as_bytes());
    }

    /// Writes the weights again as `edit` leaves them.
    pub(crate) fn edit_weights(&self, edit: impl FnOnce(&mut Vec<Tensor>)) {
        let store = WeightStore::open(self.path()).unwrap();
        let mut tensors: Vec<_> = store
            .iter()
            .map(|view| Tensor {
                name: view.name.to_owned(),
                dtype: view.dtype,
                shape: view.shape.to_vec(),
                bytes: view.bytes.to_vec(),
            })
            .collect();
        drop(store);
        edit(&mut tensors);
        let views = tensors.iter().map(|tensor| {
            let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap();
            (tensor.name.as_str(), view)
        });
        serialize_to_file(views, None, &self.join("model.safetensors")).unwrap();
    }

    /// A tokenizer of so many words, `[CLS]` and `[SEP]` among them, that splits at spaces.
    pub(crate) fn write_tokenizer(&self, words: usize) {
        let mut vocabulary = serde_json::Map::new();
        for (id, word) in ["[UNK]", "[CLS]", "[SEP]"].into_iter().enumerate() {
            vocabulary.insert(word.to_owned(), json!(id));
        }
        for id in vocabulary.len()..words {
            vocabulary.insert(format!("word{id}"), json!(id));
        }
        let special = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
        let sequence = |id: &str, type_id: u32| json!({"Sequence": {"id": id, "type_id": type_id}});
        let tokenizer = json!({
            "version": "1.0",
            "added_tokens": [],
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocabulary},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [special("[CLS]"), sequence("A", 0), special("[SEP]")],
                "pair": [
                    special("[CLS]"), sequence("A", 0), special("[SEP]"), sequence("B", 1), special("[SEP]")
                ],
                "special_tokens": {
                    "[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]},
                    "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}
                }
            }
        });
        self.write("tokenizer.json", tokenizer.to_string().as_bytes());
    }
}
