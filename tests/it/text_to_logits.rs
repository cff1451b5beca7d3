//! From texts to logits as `AutoTokenizer` and PyTorch get there, on the models of `tests/text/`: one for each
//! class of tokenizers, and what their settings may say otherwise.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_backend::Encode;
use gatecheck_model::{
    batch::{Batch, Encoded},
    config::ModelConfig,
    tokenizer::{TextEncoder, TokenizerError, Truncation},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    arms::Turn,
    golden::{same, subfolders},
    model_folder::copy,
    within::{IMPLEMENTATION, largest_difference},
};

/// What `tests/text/make_text.py` writes.
#[derive(Deserialize)]
struct Golden {
    texts: Vec<(String, Option<String>)>,
    cases: Vec<Case>,
}

/// A model's folder with these settings, and what transformers 5 makes of it.
#[derive(Deserialize)]
struct Case {
    name: String,
    tokenizer_config: Option<Map<String, Value>>,
    config: Map<String, Value>,
    class: String,
    fed: bool,
    transformers_4: Option<Older>,
    rows: Vec<Row>,
    outputs: Vec<Vec<f32>>,
}

/// What transformers 4 does, where it knows the class.
#[derive(Deserialize)]
struct Older {
    fed: bool,
}

#[derive(Deserialize)]
struct Row {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
}

/// What each version of transformers says of its classes.
#[derive(Deserialize)]
struct Classes {
    feeds_token_types: BTreeMap<String, bool>,
    /// The class for each model type where no file names one.
    #[serde(default)]
    defaults: BTreeMap<String, String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/text")
}

/// Runs `check` on every case, in a folder that is as the case wants it.
fn each(mut check: impl FnMut(&str, &Path, &Golden, &Case)) {
    for source in subfolders(&root()) {
        let text = std::fs::read_to_string(source.join("golden.json")).unwrap();
        let golden: Golden = serde_json::from_str(&text).unwrap();
        for case in &golden.cases {
            let place = tempfile::tempdir().unwrap();
            copy(&source, place.path());
            let mut config: Map<String, Value> = read(&source.join("config.json"));
            config.extend(case.config.clone());
            write(place.path(), "config.json", &config);
            if let Some(settings) = &case.tokenizer_config {
                write(place.path(), "tokenizer_config.json", settings);
            }
            let name = source.file_name().unwrap().to_string_lossy();
            check(&format!("{name}, {}", case.name), place.path(), &golden, case);
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn write(folder: &Path, name: &str, value: &Map<String, Value>) {
    std::fs::write(folder.join(name), serde_json::to_string(value).unwrap()).unwrap();
}

fn open(folder: &Path, token_types: Option<bool>) -> Result<TextEncoder, TokenizerError> {
    let config = ModelConfig::open(folder).unwrap();
    TextEncoder::open(folder, &config, Truncation::LongestFirst, None, token_types)
}

fn encode(encoder: &TextEncoder, golden: &Golden) -> Vec<Encoded> {
    let texts: Vec<_> = golden.texts.iter().map(|(text, pair)| (text.as_str(), pair.as_deref())).collect();
    encoder.encode(&texts).unwrap()
}

#[test]
fn ids_types_and_logits_are_those_of_transformers() {
    let turn = Turn::take();
    each(|label, folder, golden, case| {
        let rows = encode(&open(folder, None).unwrap(), golden);
        for (index, (row, expected)) in rows.iter().zip(&case.rows).enumerate() {
            assert_eq!(row.ids, expected.ids, "{label}, ids of row {index}");
            assert_eq!(row.type_ids, expected.type_ids, "{label}, types of row {index}");
        }
        assert_eq!(rows.len(), case.rows.len(), "{label}");
        for (arm, backend) in turn.all(folder) {
            let found = backend.unwrap().encode(&Batch::new(&rows)).unwrap();
            same::<IMPLEMENTATION>(&format!("{label} on {arm}"), &case.outputs, &found);
        }
    });
}

/// What the tokenizer alone would feed is far off, so the test above sees who decides.
#[test]
fn types_that_should_not_be_fed_are_seen() {
    let turn = Turn::take();
    let mut seen = Vec::new();
    each(|label, folder, golden, case| {
        let rows = encode(&open(folder, Some(true)).unwrap(), golden);
        let backend = turn.candle(folder, 1);
        if rows.iter().zip(&case.rows).any(|(row, expected)| row.type_ids != expected.type_ids) {
            assert!(!case.fed, "{label}");
            let found = backend.unwrap().encode(&Batch::new(&rows)).unwrap();
            let difference = largest_difference(&case.outputs.concat(), &found.concat());
            println!("{label}: off by {difference:.1}");
            assert!(difference > 0.1, "{label}: {difference}");
            seen.push(label.to_owned());
        }
    });
    assert!(seen.len() >= 10 && seen.iter().any(|label| label.starts_with("bert-generic")), "{seen:?}");
}

#[test]
fn the_record_knows_where_transformers_4_decides_otherwise() {
    let mut otherwise = 0;
    each(|label, folder, _, case| {
        let encoder = open(folder, None).unwrap();
        let types = ModelConfig::open(folder).unwrap().limits.token_types;
        let differs = types > 1 && case.transformers_4.as_ref().is_some_and(|older| older.fed != case.fed);
        let expected: &[&str] = if differs { &["transformers 4"] } else { &[] };
        assert_eq!(encoder.token_types().unlike(), expected, "{label}");
        assert_eq!(encoder.token_types().fed, case.fed && types > 1, "{label}");
        otherwise += usize::from(differs);
    });
    assert!(otherwise >= 5, "{otherwise}");
}

#[test]
fn every_class_decides_as_in_both_versions_of_transformers() {
    let known: BTreeMap<String, Classes> = read(&root().join("classes.json"));
    let [five, four] = ["5", "4"].map(|version| &known[version].feeds_token_types);
    let place = tempfile::tempdir().unwrap();
    copy(&root().join("bert"), place.path());
    let decided = |class: &str| {
        let settings = json!({ "tokenizer_class": class });
        write(place.path(), "tokenizer_config.json", settings.as_object().unwrap());
        open(place.path(), None).unwrap().token_types().clone()
    };
    for class in five.keys().chain(four.keys()) {
        for name in [class.clone(), format!("{class}Fast")] {
            let decided = decided(&name);
            let expected = five.get(class).copied().unwrap_or(false);
            assert_eq!(decided.fed, expected, "{name}");
            assert_eq!(decided.rule.to_string(), format!("tokenizer class `{name}`"));
            if let Some(older) = four.get(class) {
                assert_eq!(decided.unlike().is_empty(), *older == expected, "{name} in transformers 4");
            }
        }
    }
    assert!(five.len() > 90 && four.len() > 90);
}

#[test]
fn a_class_that_no_file_names_is_that_of_transformers() {
    let rule = |class: &str| format!("tokenizer class `{class}` by default");
    let mut seen = 0;
    each(|label, folder, _, case| {
        let settings = case.tokenizer_config.clone().unwrap_or_default();
        let is_named = [&settings, &case.config].iter().any(|keys| keys.contains_key("tokenizer_class"));
        if !is_named && !settings.contains_key("model_input_names") {
            let decided = open(folder, None).unwrap().token_types().rule.to_string();
            assert_eq!(decided, rule(&case.class), "{label}");
            seen += 1;
        }
    });
    assert!(seen >= 4, "{seen}");

    let known: BTreeMap<String, Classes> = read(&root().join("classes.json"));
    let mut defaults = known["5"].defaults.clone();
    for folder in subfolders(&root()) {
        let mut config = ModelConfig::open(&folder).unwrap();
        // With one type nothing would be decided.
        config.limits.token_types = 2;
        let encoder = TextEncoder::open(&folder, &config, Truncation::LongestFirst, None, None).unwrap();
        if let Some(class) = defaults.remove(config.architecture.name()) {
            assert_eq!(encoder.token_types().rule.to_string(), rule(&class), "{}", folder.display());
        }
    }
    assert!(defaults.is_empty(), "{defaults:?}");
}

#[test]
fn what_decides_is_named_and_can_be_overruled() {
    let place = tempfile::tempdir().unwrap();
    copy(&root().join("bert"), place.path());
    let decided = |settings: Option<Value>, configured| {
        match settings {
            Some(settings) => {
                write(place.path(), "tokenizer_config.json", settings.as_object().unwrap());
            }
            None => drop(std::fs::remove_file(place.path().join("tokenizer_config.json"))),
        }
        let decided = open(place.path(), configured).unwrap().token_types().clone();
        (decided.fed, decided.rule.to_string(), decided.unlike().join(" and "))
    };
    let expected = |fed, rule: &str, unlike: &str| (fed, rule.to_owned(), unlike.to_owned());
    let default = "tokenizer class `BertTokenizer` by default";
    assert_eq!(decided(None, None), expected(true, default, ""));
    let names = json!({ "tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids"] });
    let by_names = "`model_input_names` of tokenizer_config.json";
    assert_eq!(decided(Some(names.clone()), None), expected(false, by_names, ""));
    let by_user = "`token_types` of the configuration";
    let both = "transformers 5 and transformers 4";
    assert_eq!(decided(Some(names), Some(true)), expected(true, by_user, both));
    let generic = json!({ "tokenizer_class": "PreTrainedTokenizerFast" });
    assert_eq!(decided(Some(generic.clone()), Some(true)), expected(true, by_user, "transformers 5"));
    assert_eq!(decided(Some(generic), Some(false)), expected(false, by_user, "transformers 4"));

    // Nothing to tell apart: nobody is asked.
    let single = tempfile::tempdir().unwrap();
    copy(&root().join("mpnet"), single.path());
    let decided = open(single.path(), Some(true)).unwrap().token_types().clone();
    assert_eq!((decided.fed, decided.rule.to_string()), (false, "the model has one token type".to_owned()));
    assert!(decided.unlike().is_empty());
}

#[test]
fn settings_that_cannot_be_read_are_refused() {
    let place = tempfile::tempdir().unwrap();
    copy(&root().join("bert"), place.path());
    for (text, reason) in [
        ("{\"model_input_names\": \"input_ids\"}", "`model_input_names` is no list"),
        ("{\"tokenizer_class\": ", "EOF while parsing"),
        ("{\"truncation_side\": \"middle\"}", "`truncation_side` is \"middle\"; it is `left` or `right`"),
        ("[]", "invalid type"),
    ] {
        std::fs::write(place.path().join("tokenizer_config.json"), text).unwrap();
        let error = open(place.path(), None).unwrap_err();
        assert!(matches!(error, TokenizerError::Malformed { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("tokenizer_config.json`: ") && message.contains(reason), "{message}");
    }
}
