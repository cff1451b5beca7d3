//! Files that make the tokenizers library panic, or reserve more than there is.

use serde_json::{Value, json};

use super::*;

/// A WordLevel tokenizer with this post-processor and normalizer.
fn file(post_processor: Value, normalizer: Value) -> String {
    json!({
        "version": "1.0", "added_tokens": [], "decoder": null, "pre_tokenizer": { "type": "Whitespace" },
        "normalizer": normalizer, "post_processor": post_processor,
        "model": { "type": "WordLevel", "vocab": { "[UNK]": 0, "a": 1 }, "unk_token": "[UNK]" },
    })
    .to_string()
}

fn usable(json: &str) -> Result<usize, String> {
    parse(json).and_then(|tokenizer| try_out(&tokenizer))
}

#[test]
fn a_special_token_that_is_missing() {
    let template = |known: Value| {
        let text = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
        let special = json!({ "SpecialToken": { "id": "[CLS]", "type_id": 0 } });
        let (single, pair) = (json!([special, text("A")]), json!([special, text("A"), text("B")]));
        file(
            json!({ "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": known }),
            Value::Null,
        )
    };
    let known = json!({ "[CLS]": { "id": "[CLS]", "ids": [0], "tokens": ["[CLS]"] } });
    assert_eq!(usable(&template(known)), Ok(1));
    let reason = usable(&template(json!({}))).unwrap_err();
    assert!(!reason.contains("panicked"), "{reason}");
}

#[test]
fn a_precompiled_normalizer_that_is_malformed() {
    for charsmap in ["", "AAAA", "AAAAAA==", "BAAAAAAAAAA=", "/////wAA", "!", "CAAAAP//////////AAAA"] {
        let reason =
            usable(&file(Value::Null, json!({ "type": "Precompiled", "precompiled_charsmap": charsmap })));
        assert!(reason.is_err(), "{charsmap}");
    }
}

#[test]
fn tables_are_as_long_as_they_say() {
    assert_eq!(announced("BAAAAAAA"), Some(4));
    assert_eq!(announced("/////w=="), Some(u32::MAX as usize));
    assert_eq!((announced("AAAA"), announced("!!!!!!")), (None, None));
    let sequence = |table: &str| json!({ "normalizers": [{ "precompiled_charsmap": table }] });
    assert!(charsmaps_are_whole(&sequence("BAAAAAAA")));
    assert!(!charsmaps_are_whole(&sequence("/////wAA")));
}

#[test]
fn deep_files_are_refused() {
    let normalizer =
        format!("{}null{}", r#"{"type": "Sequence", "normalizers": ["#.repeat(5000), "]}".repeat(5000));
    let json = file(Value::Null, json!("HERE")).replace("\"HERE\"", &normalizer);
    assert!(usable(&json).unwrap_err().contains("recursion limit exceeded"));
}
