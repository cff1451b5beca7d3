//! The tokenizer of BERT and its kin from `vocab.txt`, for models that were saved without
//! `tokenizer.json`: what `BertTokenizer` of transformers makes of the same files
//! (<https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertTokenizer>).

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value, json};

/// The file with one token a line.
pub(crate) const VOCABULARY: &str = "vocab.txt";

/// Tokens that are never split, in the order that transformers names them.
const SPECIAL: [(&str, &str); 5] = [
    ("pad_token", "[PAD]"),
    ("unk_token", "[UNK]"),
    ("cls_token", "[CLS]"),
    ("sep_token", "[SEP]"),
    ("mask_token", "[MASK]"),
];

/// Tokenizers that are BERT's under another name.
const KIN: &[&str] = &["Bert", "DistilBert", "Electra", "MobileBert", "SqueezeBert", "LayoutLM", "ConvBert"];

/// `tokenizer.json` as it would be of this `class`, with `settings` from `tokenizer_config.json`. `None` where the
/// folder has no `vocab.txt`, or asks for something that is not certain to come out the same: another class, other
/// special tokens, tokens added later.
pub(crate) fn tokenizer_json(folder: &Path, class: &str, settings: &Map<String, Value>) -> Option<Value> {
    let text = std::fs::read_to_string(folder.join(VOCABULARY)).ok()?;
    let flag = |key: &str, default: bool| settings.get(key).map_or(Some(default), Value::as_bool);
    if !is_kin(class)
        || !is_plain(settings)
        || !flag("do_basic_tokenize", true)?
        || folder.join("added_tokens.json").exists()
    {
        return None;
    }
    let strip_accents = settings.get("strip_accents").cloned().unwrap_or(Value::Null);
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
    // Of a token that stands there twice, the later place counts.
    let ids: BTreeMap<&str, usize> =
        lines.enumerate().map(|(id, line)| (line.trim_end_matches('\r'), id)).collect();
    let special: Option<Vec<(usize, &str)>> =
        SPECIAL.iter().map(|(_, token)| Some((*ids.get(token)?, *token))).collect();
    let mut special = special?;
    special.sort_unstable();
    let (cls, sep) = (ids["[CLS]"], ids["[SEP]"]);
    let token = |name: &str, id: usize| json!({ "id": name, "ids": [id], "tokens": [name] });
    let piece = |name: &str, kind: u32| json!({ "SpecialToken": { "id": name, "type_id": kind } });
    let text = |id: &str, kind: u32| json!({ "Sequence": { "id": id, "type_id": kind } });
    let start = [piece("[CLS]", 0), text("A", 0), piece("[SEP]", 0)];
    let pair = [&start[..], &[text("B", 1), piece("[SEP]", 1)]].concat();
    Some(json!({
        "version": "1.0",
        "added_tokens": special.into_iter().map(added_token).collect::<Vec<_>>(),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": flag("tokenize_chinese_chars", true)?,
            "strip_accents": strip_accents,
            "lowercase": flag("do_lower_case", true)?,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": start,
            "pair": pair,
            "special_tokens": { "[CLS]": token("[CLS]", cls), "[SEP]": token("[SEP]", sep) },
        },
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }))
}

fn added_token((id, token): (usize, &str)) -> Value {
    json!({
        "id": id, "content": token, "special": true, "normalized": false,
        "single_word": false, "lstrip": false, "rstrip": false,
    })
}

fn is_kin(class: &str) -> bool {
    let class = class.strip_suffix("Fast").unwrap_or(class);
    KIN.iter().any(|kin| class.strip_suffix("Tokenizer") == Some(*kin))
}

/// Whether the special tokens are the usual ones, and no tokens were added to the vocabulary.
fn is_plain(settings: &Map<String, Value>) -> bool {
    // A token is its text, or an object that has it as `content`.
    let content = |token: &Value| token.as_str().or_else(|| token["content"].as_str()).map(str::to_owned);
    let is_usual = |(key, usual): &(&str, &str)| {
        settings.get(*key).is_none_or(|token| content(token).as_deref() == Some(*usual))
    };
    let is_special =
        |token: &Value| content(token).is_some_and(|text| SPECIAL.iter().any(|(_, usual)| *usual == text));
    let added = settings.get("added_tokens_decoder").and_then(Value::as_object);
    let has_rule =
        |key: &&str| settings.get(*key).is_some_and(|value| !value.is_null() && *value != json!([]));
    SPECIAL.iter().all(is_usual)
        && added.is_none_or(|added| added.values().all(is_special))
        && !["never_split", "additional_special_tokens", "extra_special_tokens"].iter().any(has_rule)
}
