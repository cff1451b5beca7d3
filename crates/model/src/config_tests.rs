use std::path::Path;

use serde_json::json;

use super::*;
use crate::{
    activation::Activation,
    blueprint::head::{Output, Pick, Step},
    quant::{Mode, Scheme},
};

fn folder(config: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

fn put(folder: &Path, name: &str, json: &Value) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, json.to_string()).unwrap();
}

fn error(config: &Value) -> String {
    ModelConfig::open(folder(config).path()).unwrap_err().to_string()
}

#[test]
fn reads_a_classifier_with_defaults() {
    let folder = folder(&json!({
        "model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": 384,
        "id2label": {"1": "neutral", "0": "entailment"}
    }));
    let config = ModelConfig::open(folder.path()).unwrap();
    let head = config.head.unwrap();
    assert_eq!((head.output, head.picks.as_slice()), (Output::Logits, [Pick::First].as_slice()));
    assert_eq!(head.layers().map(|layer| layer.outputs).collect::<Vec<_>>(), [384, 2]);
    assert_eq!(config.labels, ["entailment", "neutral"]);
    let Graph::PostNorm(bert) = &config.graph else { panic!("{:?}", config.graph) };
    assert_eq!((bert.hidden_size, bert.layers.len(), bert.heads), (384, 12, 12));
    assert_eq!((bert.activation, config.limits.positions), (Activation::Gelu, 512));
}

#[test]
fn labels_without_names_are_numbered() {
    let config = json!({"model_type": "bert", "architectures": ["BertForSequenceClassification"]});
    assert_eq!(ModelConfig::open(folder(&config).path()).unwrap().labels, ["LABEL_0", "LABEL_1"]);
    for count in [0, u64::MAX] {
        let config = json!({
            "model_type": "bert", "architectures": ["BertForSequenceClassification"], "num_labels": count
        });
        assert!(error(&config).ends_with(&format!("`num_labels` is {count}")));
    }
    let none = json!({
        "model_type": "bert", "architectures": ["BertForSequenceClassification"], "id2label": {}
    });
    assert!(error(&none).ends_with("`id2label` is empty"));
}

#[test]
fn reads_sentence_transformers_modules() {
    let folder = folder(&json!({"model_type": "bert", "architectures": ["BertModel"]}));
    assert_eq!(ModelConfig::open(folder.path()).unwrap().head, None);
    put(
        folder.path(),
        "modules.json",
        &json!([
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
        ]),
    );
    put(folder.path(), "sentence_bert_config.json", &json!({"max_seq_length": 256}));
    put(
        folder.path(),
        "1_Pooling/config.json",
        &json!({"word_embedding_dimension": 384, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}),
    );
    let config = ModelConfig::open(folder.path()).unwrap();
    assert_eq!(
        config.head,
        Some(Head { output: Output::Embedding, picks: vec![Pick::Mean], steps: vec![Step::Normalize] })
    );
    assert_eq!((config.sentence_limit, config.lower_case), (Some(256), false));
    put(folder.path(), "sentence_roberta_config.json", &json!({"max_seq_length": 64, "do_lower_case": true}));
    assert_eq!(ModelConfig::open(folder.path()).unwrap().sentence_limit, Some(256));
    std::fs::remove_file(folder.path().join("sentence_bert_config.json")).unwrap();
    let config = ModelConfig::open(folder.path()).unwrap();
    assert_eq!((config.sentence_limit, config.lower_case), (Some(64), true));

    let picks = |named: Value| {
        put(folder.path(), "1_Pooling/config.json", &json!({"pooling_mode": named}));
        Ok(ModelConfig::open(folder.path())?.head.unwrap().picks)
    };
    assert_eq!(picks(json!("max")).unwrap(), [Pick::Max]);
    assert_eq!(picks(json!(["lasttoken", "cls"])).unwrap(), [Pick::Last, Pick::First]);
    for named in [json!("weightedmean"), json!(["mean", "weightedmean"]), json!([]), json!(true)] {
        let message: ConfigError = picks(named.clone()).unwrap_err();
        assert!(message.to_string().starts_with(&format!("`pooling_mode` is {named}")), "{message}");
    }

    put(folder.path(), "1_Pooling/config.json", &json!({"pooling_mode_weightedmean_tokens": true}));
    let message = ModelConfig::open(folder.path()).unwrap_err().to_string();
    assert!(message.starts_with("`pooling_mode_weightedmean_tokens` is true"), "{message}");
    put(
        folder.path(),
        "modules.json",
        &json!([{"path": "", "type": "sentence_transformers.models.WordWeights"}]),
    );
    let message = ModelConfig::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("WordWeights"), "{message}");
    put(folder.path(), "modules.json", &json!([{"path": "0_Transformer", "type": "a.Transformer"}]));
    let message = ModelConfig::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("\"0_Transformer\", which is not implemented"), "{message}");
    put(folder.path(), "modules.json", &json!([{"path": "../x", "type": "a.Pooling"}]));
    assert!(
        ModelConfig::open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("which is not a folder of this model")
    );
}

#[test]
fn refuses_what_is_not_implemented() {
    assert!(error(&json!({"model_type": "gpt9"})).starts_with("model type `gpt9` is not implemented"));
    let relative = json!({"model_type": "bert", "position_embedding_type": "relative_key"});
    assert!(error(&relative).starts_with("`position_embedding_type` is \"relative_key\""));
    assert!(error(&json!({"model_type": "bert", "is_decoder": true})).starts_with("`is_decoder` is true"));
    let mish = error(&json!({"model_type": "bert", "hidden_act": "mish"}));
    assert!(mish.starts_with("`hidden_act` is \"mish\", which is not implemented (only gelu, "), "{mish}");
    let mish = error(&json!({"model_type": "bart", "activation_function": "mish"}));
    assert!(mish.starts_with("`activation_function` is \"mish\""), "{mish}");
    let heads = json!({"model_type": "bert", "hidden_size": 10, "num_attention_heads": 3});
    assert_eq!(error(&heads), "`hidden_size` 10 is not divisible by `num_attention_heads` 3");
    assert_eq!(error(&json!({"model_type": "bert", "num_hidden_layers": 0})), "`num_hidden_layers` is 0");
}

#[test]
fn refuses_broken_files() {
    let empty = tempfile::tempdir().unwrap();
    let missing = ModelConfig::open(empty.path()).unwrap_err();
    assert!(missing.to_string().starts_with("no `config.json` in"));
    assert!(missing.hint().is_some());
    std::fs::write(empty.path().join("config.json"), "{\"model_type\":").unwrap();
    assert!(ModelConfig::open(empty.path()).unwrap_err().to_string().starts_with("failed to parse"));
    assert!(error(&json!({"hidden_size": 1})).contains("no `model_type`"));
}

#[test]
fn reads_quantization_of_mlx_artefacts() {
    let quantized = json!({"model_type": "bert", "quantization": {
        "bits": 4, "group_size": 64, "mode": "affine", "classifier": false,
        "bert.embeddings.word_embeddings": {"bits": 8, "group_size": 32}
    }});
    let config = ModelConfig::open(folder(&quantized).path()).unwrap().quantization.unwrap();
    assert_eq!(config.of("bert.embeddings.word_embeddings"), Scheme::affine(8, 32).ok());
    assert_eq!(config.of("bert.encoder.layer.0.output.dense"), Scheme::affine(4, 64).ok());
    assert_eq!((config.of("classifier"), config.own("bert.pooler.dense")), (None, None));
    let other = json!({"model_type": "bert", "quantization_config": {"quant_method": "gptq", "bits": 4}});
    assert!(error(&other).contains("only MLX's quantization"));
    // Modules have the names of the weights as they are stored, with a prefix or not.
    let bare = json!({"model_type": "bert", "quantization": {
        "bits": 4, "group_size": 32, "mode": "mxfp4", "embeddings.word_embeddings": {"bits": 8, "group_size": 64}
    }});
    let config = ModelConfig::open(folder(&bare).path()).unwrap().quantization.unwrap();
    assert_eq!(config.of("bert.embeddings.word_embeddings"), Scheme::affine(8, 64).ok());
    assert_eq!(config.default, Scheme::new(Mode::Mxfp4, 4, 32).unwrap());
    let mode = json!({"model_type": "bert", "quantization": {"bits": 4, "group_size": 32, "mode": "q4_k"}});
    assert!(error(&mode).starts_with("`quantization: mode` is \"q4_k\""));
    let fixed = json!({"model_type": "bert", "quantization": {"bits": 4, "group_size": 64, "mode": "mxfp4"}});
    assert!(error(&fixed).contains("`mxfp4` has 4 bits and groups of 32"));
    let zero = json!({"model_type": "bert", "quantization": {"bits": 4, "group_size": 0}});
    assert!(error(&zero).contains("in groups of 0"), "{}", error(&zero));
    let module = json!({"model_type": "bert", "quantization": {
        "bits": 4, "group_size": 64, "classifier": {"bits": 0, "group_size": 64}
    }});
    assert!(error(&module).contains("to 0 bits"), "{}", error(&module));
}
