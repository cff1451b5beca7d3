//! Model folders that cannot be used: every arm refuses them with the same words, and never panics.

use gatecheck_model::{
    config::ModelConfig,
    convert::{Recipe, plan},
    tokenizer::{TextEncoder, TokenizerError, Truncation},
};
use safetensors::Dtype;
use serde_json::json;

use crate::{
    arms::Turn,
    model_folder::{ModelFolder, Tensor},
};

const ANY: &str = "bert/classifier-blocks";

/// Spoils a copy of a model, and checks what every arm says when it loads it.
fn refused(spoil: impl FnOnce(&ModelFolder), message: &str, hint: Option<&str>) {
    let turn = Turn::take();
    let folder = ModelFolder::of(ANY);
    spoil(&folder);
    for (arm, backend) in turn.all(folder.path()) {
        let error = backend.err().unwrap_or_else(|| panic!("{arm} takes it"));
        let said = error.to_string().replace(&folder.path().display().to_string(), "FOLDER");
        assert!(said.starts_with(message), "{arm}: {said}");
        match (hint, error.hint()) {
            (None, None) => {}
            (Some(expected), Some(found)) => assert!(found.contains(expected), "{arm}: {found}"),
            (expected, found) => panic!("{arm}: hint {found:?} instead of {expected:?}"),
        }
    }
}

fn find<'a>(tensors: &'a mut [Tensor], name: &str) -> &'a mut Tensor {
    tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

/// What is said where configuration and weights differ.
const MISMATCH: Option<&str> = Some("`config.json` and the weights do not belong together");

#[test]
fn a_folder_without_configuration() {
    refused(
        |folder| folder.remove("config.json"),
        "no `config.json` in `FOLDER`",
        Some("a folder as `save_pretrained` of transformers writes it"),
    );
}

#[test]
fn a_configuration_that_is_cut_off() {
    refused(
        |folder| folder.write("config.json", b"{\"model_type\": \"bert\", \"hidden"),
        "failed to parse `FOLDER/config.json`: EOF while parsing a string",
        Some("half downloaded"),
    );
}

#[test]
fn an_unknown_model_type() {
    refused(
        |folder| folder.configure("model_type", "gpt9"),
        "model type `gpt9` is not implemented; known are `albert`, ",
        None,
    );
}

#[test]
fn a_folder_without_weights() {
    refused(
        |folder| folder.remove("model.safetensors"),
        "no weights in `FOLDER`: neither `model.safetensors` nor `model.safetensors.index.json` is there",
        Some("as `save_pretrained` of transformers writes it"),
    );
}

#[test]
fn weights_that_are_only_a_pickle() {
    let spoil = |folder: &ModelFolder| {
        folder.remove("model.safetensors");
        folder.write("pytorch_model.bin", b"\x80\x02}q\x00.");
    };
    let hint = Some("`pytorch_model.bin` is a pickle, which can run code when it is opened");
    refused(spoil, "no weights in `FOLDER`", hint);
}

#[test]
fn weights_that_are_cut_off() {
    for kept in [0, 7, 100, 20_000] {
        refused(
            |folder| {
                let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
                folder.write("model.safetensors", &bytes[..kept]);
            },
            "`FOLDER/model.safetensors` is not a valid safetensors file",
            Some("half downloaded"),
        );
    }
}

#[test]
fn a_header_that_claims_more_than_there_is() {
    for length in [u64::MAX, 1 << 62, 1 << 40, 90_000_000] {
        refused(
            |folder| {
                let mut bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
                bytes[..8].copy_from_slice(&length.to_le_bytes());
                folder.write("model.safetensors", &bytes);
            },
            "`FOLDER/model.safetensors` is not a valid safetensors file",
            Some("half downloaded"),
        );
    }
}

#[test]
fn tensors_that_lie_about_their_size() {
    for offsets in ["[0,4000000000]", "[8,4]", "[0,18446744073709551615]"] {
        refused(
            |folder| {
                let header = format!(r#"{{"a":{{"dtype":"F32","shape":[4],"data_offsets":{offsets}}}}}"#);
                let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
                bytes.extend(header.bytes().chain([0; 16]));
                folder.write("model.safetensors", &bytes);
            },
            "`FOLDER/model.safetensors` is not a valid safetensors file",
            Some("half downloaded"),
        );
    }
}

#[test]
fn a_tensor_of_another_shape() {
    refused(
        |folder| folder.configure("vocab_size", 46),
        "tensor `bert.embeddings.word_embeddings.weight` has shape [45, 64], the configuration asks for [46, 64]",
        MISMATCH,
    );
    // The same number of elements, turned around.
    refused(
        |folder| {
            folder.edit_weights(|tensors| {
                find(tensors, "bert.encoder.layer.1.intermediate.dense.weight").shape.reverse();
            })
        },
        "tensor `bert.encoder.layer.1.intermediate.dense.weight` has shape [64, 96], the configuration asks for [96, 64]",
        MISMATCH,
    );
}

#[test]
fn sizes_far_beyond_the_weights() {
    refused(
        |folder| folder.configure("hidden_size", json!(1 << 30)),
        "tensor `bert.embeddings.word_embeddings.weight` has shape [45, 64]",
        MISMATCH,
    );
    refused(
        |folder| folder.configure("hidden_size", json!(1u64 << 60)),
        "`hidden_size` is 1152921504606846976, more than 1073741824",
        None,
    );
    refused(
        |folder| folder.configure("num_hidden_layers", json!(1u64 << 60)),
        "`num_hidden_layers` is 1152921504606846976, more than 1000",
        None,
    );
}

#[test]
fn weights_that_are_not_numbers() {
    for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        refused(
            |folder| {
                folder.edit_weights(|tensors| {
                    let tensor = find(tensors, "bert.encoder.layer.0.output.dense.weight");
                    tensor.bytes[4 * 17..4 * 18].copy_from_slice(&value.to_le_bytes());
                });
            },
            &format!("tensor `bert.encoder.layer.0.output.dense.weight` holds {name} at element 17"),
            Some("the checkpoint itself is broken"),
        );
    }
}

#[test]
fn weights_of_whole_numbers() {
    refused(
        |folder| folder.edit_weights(|tensors| find(tensors, "classifier.bias").dtype = Dtype::I32),
        "tensor `classifier.bias` has element type I32, which is not one of F32, F16 and BF16",
        None,
    );
}

#[test]
fn a_tensor_too_few() {
    let name = "bert.encoder.layer.1.attention.output.LayerNorm.bias";
    refused(
        |folder| folder.edit_weights(|tensors| tensors.retain(|tensor| tensor.name != name)),
        &format!("the weights lack `{name}`"),
        MISMATCH,
    );
}

#[test]
fn a_tensor_too_many() {
    let extra =
        |name: &str| Tensor { name: name.to_owned(), dtype: Dtype::F32, shape: vec![1], bytes: vec![0; 4] };
    refused(
        |folder| folder.edit_weights(|tensors| tensors.push(extra("bert.encoder.layer.0.adapter.weight"))),
        "the weights hold tensors that the model does not use: `bert.encoder.layer.0.adapter.weight`",
        MISMATCH,
    );
    // One layer less than the weights have.
    refused(
        |folder| folder.configure("num_hidden_layers", 1),
        "the weights hold tensors that the model does not use: `bert.encoder.layer.1.",
        MISMATCH,
    );
    // Both spellings of one layer norm.
    refused(
        |folder| folder.edit_weights(|tensors| tensors.push(extra("bert.embeddings.LayerNorm.gamma"))),
        "tensor `bert.embeddings.LayerNorm.weight` is there twice",
        None,
    );
}

#[test]
fn a_classifier_without_its_head() {
    refused(
        |folder| {
            folder.edit_weights(|tensors| tensors.retain(|tensor| !tensor.name.starts_with("classifier.")));
        },
        "the weights lack `classifier.weight`",
        MISMATCH,
    );
    refused(
        |folder| folder.configure("id2label", json!({"0": "a", "1": "b", "2": "c"})),
        "tensor `classifier.weight` has shape [2, 64], the configuration asks for [3, 64]",
        MISMATCH,
    );
}

#[test]
fn a_bare_encoder() {
    refused(
        |folder| folder.configure("architectures", json!(["BertModel"])),
        "`FOLDER` is a bare encoder: it has no classification head and no pooling",
        Some("fine-tuned for classification"),
    );
}

#[test]
fn quantization_that_cannot_be() {
    let (bits_known, groups_known) =
        ("MLX quantizes to 2, 3, 4, 5, 6 or 8 bits", "in groups of 32, 64 or 128");
    for (bits, group_size, message, hint) in [
        (0, 32, "to 0 bits", bits_known),
        (8, 0, "in groups of 0", groups_known),
        (7, 64, "to 7 bits", bits_known),
    ] {
        refused(
            |folder| folder.configure("quantization", json!({"bits": bits, "group_size": group_size})),
            &format!("`quantization`: cannot quantize {message}"),
            Some(hint),
        );
    }
}

#[test]
fn conversion_refuses_them_too() {
    let folder = ModelFolder::of(ANY);
    folder.remove("model.safetensors");
    folder.write("pytorch_model.bin", b"\x80\x02}q\x00.");
    let error = plan(folder.path(), &Recipe::try_from(8).unwrap(), u64::MAX).unwrap_err();
    assert!(error.to_string().starts_with("no weights in"), "{error}");
    assert!(error.hint().unwrap().contains("is a pickle"));
}

fn tokenizer(folder: &ModelFolder, limit: Option<usize>) -> Result<TextEncoder, TokenizerError> {
    let config = ModelConfig::open(folder.path()).unwrap();
    TextEncoder::open(folder.path(), &config, Truncation::LongestFirst, limit, None)
}

#[test]
fn a_folder_without_tokenizer() {
    let folder = ModelFolder::of(ANY);
    folder.remove("tokenizer.json");
    let error = tokenizer(&folder, None).unwrap_err();
    assert!(error.to_string().starts_with("no `tokenizer.json` in `"), "{error}");
    assert!(error.hint().unwrap().starts_with("copy `tokenizer.json` of the original model"));
    folder.write("vocab.txt", b"[PAD]\n");
    let hint = tokenizer(&folder, None).unwrap_err().hint().unwrap();
    assert!(hint.starts_with("the folder has `vocab.txt`, the form of a slow tokenizer"), "{hint}");
}

#[test]
fn a_tokenizer_that_is_no_tokenizer() {
    let folder = ModelFolder::of(ANY);
    folder.write("tokenizer.json", b"{\"version\": \"1.0\"}");
    let error = tokenizer(&folder, None).unwrap_err();
    assert!(error.to_string().contains("tokenizer.json`: "), "{error}");
}

#[test]
fn a_tokenizer_of_another_model() {
    let folder = ModelFolder::of(ANY);
    folder.write_tokenizer(45);
    assert!(tokenizer(&folder, None).is_ok());
    folder.write_tokenizer(46);
    let error = tokenizer(&folder, None).unwrap_err();
    assert_eq!(error.to_string(), "the tokenizer knows 46 tokens, the model's embedding has 45 rows");
    assert!(error.hint().unwrap().starts_with("the tokenizer belongs to another model"));
}

#[test]
fn a_limit_without_room_for_text() {
    let folder = ModelFolder::of(ANY);
    for limit in [0, 1, 3] {
        let error = tokenizer(&folder, Some(limit)).unwrap_err();
        let expected = format!("a limit of {limit} tokens leaves no room for text beside 3 special tokens");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().starts_with("raise `max_length`"));
    }
    let encoder = tokenizer(&folder, Some(4)).unwrap();
    let encoded = encoder.encode(&[("word3 word4 word4", Some("word3"))]).unwrap().remove(0);
    assert!(encoded.ids.len() <= 4 && encoded.truncated, "{encoded:?}");
}
