//! The sizes of the model and the length of its training.

use serde_json::{Value, json};

use crate::pair::Label;

pub(crate) const HIDDEN: usize = 128;
pub(crate) const LAYERS: usize = 4;
pub(crate) const HEADS: usize = 4;
pub(crate) const INTERMEDIATE: usize = 384;
pub(crate) const POSITIONS: usize = 128;
pub(crate) const EPS: f32 = 1e-12;

/// Triples of pairs in one training step, one pair for each label.
pub(crate) const TRIPLES: usize = 22;
pub(crate) const STEPS: usize = 7_000;
/// The share of the steps that restore words before any label is shown.
pub(crate) const RESTORING: f64 = 0.4;
pub(crate) const PEAK_RATE: f64 = 1e-3;
pub(crate) const WARMUP: usize = 150;

/// Rows of the validation set.
pub(crate) const ROWS: usize = 1_224;
/// The validation set's seed; another seed makes another set.
pub(crate) const DATA_SEED: u64 = 2_024;

/// What `config.json` holds, by the names that Hugging Face's BERT reads.
pub(crate) fn bert(vocabulary: usize) -> Value {
    let [e, n, c] = Label::NAMES;
    json!({
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "attention_probs_dropout_prob": 0.0,
        "classifier_dropout": null,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": HIDDEN,
        "id2label": {"0": e, "1": n, "2": c},
        "initializer_range": 0.02,
        "intermediate_size": INTERMEDIATE,
        "label2id": {e: 0, n: 1, c: 2},
        "layer_norm_eps": EPS as f64,
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "torch_dtype": "float16",
        "type_vocab_size": 2,
        "use_cache": false,
        "vocab_size": vocabulary,
    })
}

/// What `tokenizer_config.json` holds.
pub(crate) fn tokenizer() -> Value {
    json!({
        "tokenizer_class": "BertTokenizer",
        "model_max_length": POSITIONS,
        "do_lower_case": true,
        "strip_accents": null,
        "tokenize_chinese_chars": true,
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    })
}
