//! Token ids against those of transformers: from `vocab.txt`, and cut to a limit.

use std::collections::BTreeMap;

use gatecheck_model::{
    batch::Encoded,
    config::ModelConfig,
    tokenizer::{TextEncoder, TokenizerError, Truncation},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{harness::Place, tiny_model::TinyModel};

/// What `tests/vocabulary/make_vocabulary.py` writes.
#[derive(Deserialize)]
struct Golden {
    vocabulary: Vec<String>,
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    settings: Value,
    ids: Vec<Vec<u32>>,
    pair_ids: Vec<Vec<u32>>,
    pair_type_ids: Vec<Vec<u32>>,
    truncated: Option<Truncated>,
}

#[derive(Deserialize)]
struct Truncated {
    limit: usize,
    pairs: Vec<(String, String)>,
    ways: BTreeMap<String, Vec<Cut>>,
}

/// Token ids and types of a pair that was cut.
type Cut = (Vec<u32>, Vec<u32>);

/// A model whose tokenizer is a `vocab.txt` alone, with these settings.
fn model(vocabulary: &[String], settings: &Value) -> Place {
    let place = Place::new();
    let mut model = TinyModel::classifier();
    model.config["max_position_embeddings"] = json!(512);
    model.files.clear();
    model.save(&place.path("model"));
    let lines = vocabulary.iter().map(|token| format!("{token}\n"));
    place.write("model/vocab.txt", &lines.collect::<String>());
    place.write("model/tokenizer_config.json", &settings.to_string());
    place
}

fn open(place: &Place, truncation: Truncation, limit: Option<usize>) -> Result<TextEncoder, TokenizerError> {
    let folder = place.path("model");
    TextEncoder::open(&folder, &ModelConfig::open(&folder).unwrap(), truncation, limit, None)
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../vocabulary/golden.json")).unwrap()
}

#[test]
fn a_vocabulary_gives_the_ids_of_bert_tokenizer() {
    let Golden { vocabulary, texts, cases } = golden();
    for Case { settings, ids, pair_ids, pair_type_ids, .. } in cases {
        let place = model(&vocabulary, &settings);
        let encoder = open(&place, Truncation::LongestFirst, None).unwrap();
        let singles: Vec<_> = texts.iter().map(|text| (text.as_str(), None)).collect();
        for ((text, encoded), expected) in texts.iter().zip(encoder.encode(&singles).unwrap()).zip(&ids) {
            assert_eq!(&encoded.ids, expected, "{text:?} with {settings}");
        }
        let pairs = texts[..20].iter().zip(&texts[20..40]);
        let pairs: Vec<_> = pairs.map(|(first, second)| (first.as_str(), Some(second.as_str()))).collect();
        let encoded = encoder.encode(&pairs).unwrap();
        for (encoded, (ids, type_ids)) in encoded.into_iter().zip(pair_ids.into_iter().zip(pair_type_ids)) {
            assert_eq!(encoded, Encoded { ids, type_ids, truncated: false }, "{settings}");
        }
    }
}

#[test]
fn pairs_are_cut_as_transformers_cuts_them() {
    let Golden { vocabulary, mut cases, .. } = golden();
    let Truncated { limit, pairs, ways } = cases.remove(0).truncated.unwrap();
    let place = model(&vocabulary, &json!({}));
    assert!(pairs.len() >= 12 && ways.len() == 3);
    let texts: Vec<_> = pairs.iter().map(|(first, second)| (first.as_str(), Some(second.as_str()))).collect();
    for (way, expected) in ways {
        let truncation = serde_json::from_value(json!(way)).unwrap();
        let encoded = open(&place, truncation, Some(limit)).unwrap().encode(&texts).unwrap();
        for (encoded, (ids, type_ids)) in encoded.into_iter().zip(expected) {
            assert_eq!(encoded, Encoded { ids, type_ids, truncated: true }, "{way}");
        }
    }
}

#[test]
fn a_text_that_must_not_be_cut_may_be_too_long() {
    let Golden { vocabulary, .. } = golden();
    let place = model(&vocabulary, &json!({}));
    let encoder = open(&place, Truncation::OnlyFirst, Some(8)).unwrap();
    let error = encoder.encode(&[("a", Some("a a a a a a a a a a"))]).unwrap_err();
    assert!(matches!(error, TokenizerError::Encode { example: 0, .. }), "{error}");
    assert!(error.hint().unwrap().contains("the other text alone may fill the limit"));
}

#[test]
fn a_vocabulary_that_is_not_bert_s_is_refused() {
    let Golden { vocabulary, .. } = golden();
    let refused = |vocabulary: &[String], settings: Value| {
        let error = open(&model(vocabulary, &settings), Truncation::LongestFirst, None).unwrap_err();
        assert!(
            matches!(error, TokenizerError::Missing { older: Some("vocab.txt"), .. }),
            "{settings}: {error}"
        );
        assert!(
            error.hint().unwrap().contains("AutoTokenizer.from_pretrained(folder).save_pretrained(folder)")
        );
    };
    refused(&vocabulary[1..], json!({}));
    refused(&vocabulary, json!({ "tokenizer_class": "MPNetTokenizer" }));
    refused(&vocabulary, json!({ "tokenizer_class": "BertJapaneseTokenizer" }));
    refused(&vocabulary, json!({ "unk_token": "<unk>" }));
    refused(&vocabulary, json!({ "do_basic_tokenize": false }));
    refused(&vocabulary, json!({ "never_split": ["a"] }));
    refused(&vocabulary, json!({ "added_tokens_decoder": { "600": { "content": "<new>" } } }));
    // The class may stand in `config.json` alone, or follow from the model type.
    let refused_by_class = |key: &str, value: &str, settings: Value, expected: bool| {
        let place = model(&vocabulary, &settings);
        let folder = place.path("model");
        let mut config: Value = serde_json::from_str(&place.read("model/config.json")).unwrap();
        config[key] = json!(value);
        place.write("model/config.json", &config.to_string());
        let config = ModelConfig::open(&folder).unwrap();
        let opened = TextEncoder::open(&folder, &config, Truncation::LongestFirst, None, None);
        let refused = matches!(opened, Err(TokenizerError::Missing { older: Some("vocab.txt"), .. }));
        assert_eq!(refused, expected, "{key} {value} with {settings}");
    };
    refused_by_class("tokenizer_class", "BertJapaneseTokenizer", json!({}), true);
    refused_by_class("tokenizer_class", "ElectraTokenizerFast", json!({}), false);
    let named = json!({ "tokenizer_class": "BertTokenizer" });
    refused_by_class("tokenizer_class", "BertJapaneseTokenizer", named.clone(), false);
    refused_by_class("model_type", "roberta", json!({}), true);
    refused_by_class("model_type", "roberta", named, false);
    let usual = json!({
        "tokenizer_class": "DistilBertTokenizerFast", "cls_token": { "content": "[CLS]" }, "never_split": null,
        "added_tokens_decoder": { "0": { "content": "[PAD]", "special": true } }, "model_max_length": 512,
    });
    assert_eq!(open(&model(&vocabulary, &usual), Truncation::OnlySecond, None).unwrap().max_length(), 512);
}

#[test]
fn a_text_without_tokens_is_told() {
    let place = Place::new();
    let mut model = TinyModel::classifier();
    model.files.get_mut("tokenizer.json").unwrap()["post_processor"] = Value::Null;
    model.save(&place.path("model"));
    let error = open(&place, Truncation::LongestFirst, None).unwrap().encode(&[("w1", None), ("", None)]);
    let error = error.unwrap_err();
    assert_eq!((error.to_string(), error.hint()), ("example 1 gives no token".to_owned(), None));
}

#[test]
fn sentence_transformers_may_want_lower_case() {
    let ids = |settings: Option<Value>| {
        let place = Place::new();
        let mut model = TinyModel::sentences();
        model.files.get_mut("tokenizer.json").unwrap()["normalizer"]["lowercase"] = json!(false);
        if let Some(settings) = settings {
            model.files.insert("sentence_roberta_config.json".to_owned(), settings);
        }
        model.save(&place.path("model"));
        let encoder = open(&place, Truncation::LongestFirst, None).unwrap();
        let encoded = encoder.encode(&[("W1 w2", None), ("w1 w2", None)]).unwrap();
        (encoded[0].ids == encoded[1].ids, encoder.max_length())
    };
    assert_eq!(ids(None), (false, 16));
    assert_eq!(ids(Some(json!({ "max_seq_length": 7, "do_lower_case": false }))), (false, 7));
    assert_eq!(ids(Some(json!({ "max_seq_length": 7, "do_lower_case": true }))), (true, 7));
}
