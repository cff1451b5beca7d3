//! A small BERT on disk, for tests.

use std::path::Path;

use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Outcome, Progress, Recipe, Request, convert};
use crate::quant::{Float, cast};

/// A tensor to be written.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// A model folder and a folder for artefacts.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) tensors: Vec<Tensor>,
}

/// A tensor of wavy values around zero.
pub(crate) fn tensor(name: &str, shape: &[usize], float: Float) -> Tensor {
    let count: usize = shape.iter().product();
    let wave = |at: usize| ((at * 7919 % 1009) as f32 / 504.5 - 1.0) * 0.3;
    let bytes: Vec<u8> = (0..count).flat_map(|at| wave(at).to_le_bytes()).collect();
    let dtype = match float {
        Float::Float32 => Dtype::F32,
        Float::Float16 => Dtype::F16,
        Float::Bfloat16 => Dtype::BF16,
    };
    let bytes = cast(&bytes, Float::Float32, float);
    Tensor { name: name.to_owned(), dtype, shape: shape.to_vec(), bytes }
}

impl Fixture {
    /// One layer, 64 wide and 128 inside, three classes.
    pub(crate) fn new(float: Float) -> Self {
        Self::with_inner(float, 128)
    }

    /// The same with another width inside.
    pub(crate) fn with_inner(float: Float, inner: usize) -> Self {
        let layer = "bert.encoder.layer.0";
        let tables = [("word", 40), ("position", 16), ("token_type", 2)];
        let mut tensors: Vec<_> = tables
            .iter()
            .map(|(name, rows)| {
                tensor(&format!("bert.embeddings.{name}_embeddings.weight"), &[*rows, 64], float)
            })
            .collect();
        let layers = [
            (format!("{layer}.attention.self.query"), 64, 64),
            (format!("{layer}.attention.self.key"), 64, 64),
            (format!("{layer}.attention.self.value"), 64, 64),
            (format!("{layer}.attention.output.dense"), 64, 64),
            (format!("{layer}.intermediate.dense"), inner, 64),
            (format!("{layer}.output.dense"), 64, inner),
            ("bert.pooler.dense".to_owned(), 64, 64),
            ("classifier".to_owned(), 3, 64),
        ];
        for (module, rows, columns) in layers {
            tensors.push(tensor(&format!("{module}.weight"), &[rows, columns], float));
            tensors.push(tensor(&format!("{module}.bias"), &[rows], float));
        }
        for place in
            ["bert.embeddings".to_owned(), format!("{layer}.attention.output"), format!("{layer}.output")]
        {
            for kind in ["weight", "bias"] {
                tensors.push(tensor(&format!("{place}.LayerNorm.{kind}"), &[64], float));
            }
        }
        let fixture = Self { folder: tempfile::tempdir().unwrap(), tensors };
        fixture.write("config.json", config(inner).to_string().as_bytes());
        fixture.write("tokenizer.json", b"{}");
        fixture.write("tokenizer_config.json", b"{\"do_lower_case\": true}");
        fixture.save();
        fixture
    }

    /// Writes the tensors as one file.
    pub(crate) fn save(&self) {
        save(&self.source().join("model.safetensors"), &self.tensors);
    }

    /// Writes the weights of a module behind the encoder.
    pub(crate) fn save_module(&self, place: &str, tensors: &[Tensor]) {
        save(&self.source().join(place).join("model.safetensors"), tensors);
    }

    /// One of the tensors, to be changed.
    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }

    /// Writes them as two files and an index.
    pub(crate) fn save_sharded(&self) {
        std::fs::remove_file(self.source().join("model.safetensors")).unwrap();
        let mut map = serde_json::Map::new();
        for (at, part) in self.tensors.chunks(self.tensors.len().div_ceil(2)).enumerate() {
            let name = format!("model-{:05}-of-00002.safetensors", at + 1);
            save(&self.source().join(&name), part);
            map.extend(part.iter().map(|tensor| (tensor.name.clone(), json!(name))));
        }
        self.write("model.safetensors.index.json", json!({ "weight_map": map }).to_string().as_bytes());
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.source().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn source(&self) -> std::path::PathBuf {
        self.folder.path().join("source")
    }

    pub(crate) fn output(&self) -> std::path::PathBuf {
        self.folder.path().join("models")
    }

    pub(crate) fn request(&self, recipe: Recipe) -> Request {
        Request::new(&self.source(), "tiny", &self.output(), recipe, "1.2.3")
    }

    /// Converts at so many bits.
    pub(crate) fn convert(&self, bits: u32) -> Outcome {
        convert(&self.request(Recipe::try_from(bits).unwrap()), &mut quiet).unwrap()
    }

    /// Converts, and keeps nothing but the artefact.
    pub(crate) fn convert_kept(&self, bits: u32) -> TempDir {
        let kept = tempfile::tempdir().unwrap();
        let folder = self.convert(bits).folder;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, kept.path().join(path.file_name().unwrap())).unwrap();
        }
        kept
    }

    /// Names in the folder of artefacts.
    pub(crate) fn artefacts(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.output()) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Watches nothing.
pub(crate) fn quiet(_: Progress) {}

fn save(path: &Path, tensors: &[Tensor]) {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap();
        (tensor.name.as_str(), view)
    });
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn config(inner: usize) -> Value {
    json!({
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": inner,
        "vocab_size": 40,
        "max_position_embeddings": 16,
        "id2label": { "0": "a", "1": "b", "2": "c" },
    })
}
