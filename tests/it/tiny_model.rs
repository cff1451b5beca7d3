//! A model small enough to be made anew for every test: one layer of BERT with wavy weights and a
//! tokenizer whose words are `w0`, `w1`, … up to `w599`.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};

/// Words of the vocabulary, after the four special tokens.
pub(crate) const WORDS: usize = 600;

const HIDDEN: usize = 64;
const WIDE: usize = 192;

/// Shape and values of one tensor.
pub(crate) type Tensor = (Vec<usize>, Vec<f32>);

/// A model that is not on disk yet, so that a test can break it first.
pub(crate) struct TinyModel {
    pub(crate) config: Value,
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// Other files by name.
    pub(crate) files: BTreeMap<String, Value>,
}

impl TinyModel {
    /// Three classes: `entailment`, `neutral`, `contradiction`. At most 16 tokens.
    pub(crate) fn classifier() -> Self {
        let mut model = Self::encoder("BertForSequenceClassification");
        model.config["id2label"] = json!({ "0": "entailment", "1": "neutral", "2": "contradiction" });
        model.linear("bert.pooler.dense", HIDDEN, HIDDEN);
        model.linear("classifier", 3, HIDDEN);
        model
    }

    /// Sentence embeddings by the mean over the tokens.
    pub(crate) fn sentences() -> Self {
        let mut model = Self::encoder("BertModel");
        let module = |kind: &str, path: &str| json!({ "type": format!("sentence_transformers.models.{kind}"), "path": path });
        model.files.insert(
            "modules.json".to_owned(),
            json!([
                module("Transformer", ""),
                module("Pooling", "1_Pooling"),
                module("Normalize", "2_Normalize")
            ]),
        );
        let pooling = json!({ "word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": true });
        model.files.insert("1_Pooling/config.json".to_owned(), pooling);
        model
    }

    fn encoder(architecture: &str) -> Self {
        let config = json!({
            "architectures": [architecture],
            "model_type": "bert",
            "hidden_size": HIDDEN,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": WIDE,
            "vocab_size": WORDS + 4,
            "max_position_embeddings": 16,
            "type_vocab_size": 2,
        });
        let files = BTreeMap::from([("tokenizer.json".to_owned(), tokenizer())]);
        let mut model = Self { config, tensors: BTreeMap::new(), files };
        for (table, rows) in [("word", WORDS + 4), ("position", 16), ("token_type", 2)] {
            model.tensor(&format!("bert.embeddings.{table}_embeddings.weight"), &[rows, HIDDEN], 0.0);
        }
        let layer = "bert.encoder.layer.0";
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            model.linear(&format!("{layer}.attention.{part}"), HIDDEN, HIDDEN);
        }
        model.linear(&format!("{layer}.intermediate.dense"), WIDE, HIDDEN);
        model.linear(&format!("{layer}.output.dense"), HIDDEN, WIDE);
        for norm in ["bert.embeddings", &format!("{layer}.attention.output"), &format!("{layer}.output")] {
            model.tensor(&format!("{norm}.LayerNorm.weight"), &[HIDDEN], 1.0);
            model.tensor(&format!("{norm}.LayerNorm.bias"), &[HIDDEN], 0.0);
        }
        model
    }

    fn linear(&mut self, module: &str, rows: usize, columns: usize) {
        self.tensor(&format!("{module}.weight"), &[rows, columns], 0.0);
        self.tensor(&format!("{module}.bias"), &[rows], 0.0);
    }

    /// Values that go up and down around `centre`, differently in every tensor.
    fn tensor(&mut self, name: &str, shape: &[usize], centre: f32) {
        let count: usize = shape.iter().product();
        let seed = name.bytes().fold(7, |seed: usize, byte| (seed * 31 + usize::from(byte)) % 10_007);
        let wave = |at: usize| centre + 0.2 * (((at + seed) * 7919 % 1009) as f32 / 504.5 - 1.0);
        self.tensors.insert(name.to_owned(), (shape.to_vec(), (0..count).map(wave).collect()));
    }

    /// Writes the folder.
    pub(crate) fn save(&self, folder: &Path) {
        for (name, json) in self.files.iter().chain([(&"config.json".to_owned(), &self.config)]) {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, json.to_string()).unwrap();
        }
        std::fs::write(folder.join("model.safetensors"), self.weights()).unwrap();
    }

    fn weights(&self) -> Vec<u8> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let stored: Vec<(&String, &Vec<usize>, Vec<u8>)> =
            self.tensors.iter().map(|(name, (shape, values))| (name, shape, bytes(values))).collect();
        let views = stored.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, (*shape).clone(), bytes).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    }
}

/// WordPiece as BERT has it: a word is one token, `[CLS]` in front and `[SEP]` behind each text.
fn tokenizer() -> Value {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
    let words = (0..WORDS).map(|word| format!("w{word}"));
    let vocabulary: serde_json::Map<String, Value> = special
        .iter()
        .map(|token| (*token).to_owned())
        .chain(words)
        .enumerate()
        .map(|(id, token)| (token, json!(id)))
        .collect();
    let piece = |name: &str, kind: u32| json!({ "SpecialToken": { "id": name, "type_id": kind } });
    let text = |id: &str, kind: u32| json!({ "Sequence": { "id": id, "type_id": kind } });
    let token = |id: u32, name: &str| json!({ "id": name, "ids": [id], "tokens": [name] });
    json!({
        "version": "1.0",
        "added_tokens": special.iter().enumerate().map(|(id, token)| json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })).collect::<Vec<_>>(),
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [piece("[CLS]", 0), text("A", 0), piece("[SEP]", 0)],
            "pair": [piece("[CLS]", 0), text("A", 0), piece("[SEP]", 0), text("B", 1), piece("[SEP]", 1)],
            "special_tokens": { "[CLS]": token(2, "[CLS]"), "[SEP]": token(3, "[SEP]") },
        },
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
    })
}
