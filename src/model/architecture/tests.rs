use std::path::Path;

use serde_json::json;

use super::*;
use crate::model::{head::Pick, post_norm::PostNorm};

fn blueprint(value: &Value) -> Result<Blueprint, ConfigError> {
    let architecture = Architecture::from_model_type(value["model_type"].as_str().unwrap())?;
    architecture.read(&Json { path: Path::new("config.json"), value }, 3)
}

#[test]
fn every_architecture_has_a_name_of_its_own_and_defaults() {
    for (index, architecture) in ALL.iter().enumerate() {
        assert!(ALL[..index].iter().all(|other| other != architecture), "{}", architecture.name());
        let found = blueprint(&json!({"model_type": architecture.name()})).unwrap();
        assert!(found.hidden_size > 0 && found.limits.positions > 100, "{}", architecture.name());
        assert_eq!(found.classifier.layers.last().unwrap().outputs, 3, "{}", architecture.name());
    }
}

#[test]
fn names_of_every_age() {
    let tensor =
        |model_type: &str, raw: &str| Architecture::from_model_type(model_type).unwrap().canonical(raw);
    for (model_type, raw, expected) in [
        ("bert", "bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight"),
        ("bert", "embeddings.LayerNorm.beta", "bert.embeddings.LayerNorm.bias"),
        ("bert", "classifier.bias", "classifier.bias"),
        ("roberta", "encoder.layer.0.output.dense.bias", "roberta.encoder.layer.0.output.dense.bias"),
        ("camembert", "roberta.pooler.dense.bias", "roberta.pooler.dense.bias"),
        ("electra", "embeddings_project.bias", "electra.embeddings_project.bias"),
        ("distilbert", "transformer.layer.0.ffn.lin1.bias", "distilbert.transformer.layer.0.ffn.lin1.bias"),
        ("albert", "pooler.bias", "albert.pooler.bias"),
        ("mpnet", "encoder.relative_attention_bias.weight", "mpnet.encoder.relative_attention_bias.weight"),
        ("bart", "shared.weight", "model.shared.weight"),
        ("bart", "decoder.layers.0.fc1.bias", "model.decoder.layers.0.fc1.bias"),
        ("bart", "classification_head.dense.bias", "classification_head.dense.bias"),
    ] {
        assert_eq!(tensor(model_type, raw), Canonical::Tensor(expected.to_owned()));
    }
    for (model_type, raw) in [
        ("bert", "embeddings.position_ids"),
        ("bert", "cls.predictions.bias"),
        ("roberta", "lm_head.dense.weight"),
        ("electra", "discriminator_predictions.dense.weight"),
        ("albert", "predictions.bias"),
        ("bart", "lm_head.weight"),
        ("bart", "final_logits_bias"),
        ("bart", "model.encoder.version"),
    ] {
        assert!(matches!(tensor(model_type, raw), Canonical::Ignored(_)), "{raw}");
    }
    for raw in ["encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"] {
        assert_eq!(tensor("bart", raw), Canonical::Copy("model.shared.weight".to_owned()));
    }
}

#[test]
fn positions_that_begin_behind_the_padding_id() {
    let roberta = blueprint(&json!({"model_type": "roberta", "max_position_embeddings": 514})).unwrap();
    assert_eq!(roberta.limits.positions, 512);
    let short = json!({"model_type": "roberta", "max_position_embeddings": 2});
    assert!(blueprint(&short).unwrap_err().to_string().contains("leaves no position"));
}

#[test]
fn layers_of_albert_share_weights() {
    let albert =
        json!({"model_type": "albert", "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2});
    let Graph::PostNorm(encoder) = blueprint(&albert).unwrap().graph else { panic!("another graph") };
    assert_eq!(encoder.weights.len(), 4);
    assert_eq!(encoder.layers, [[0, 1], [0, 1], [2, 3], [2, 3]]);
    let uneven = json!({"model_type": "albert", "num_hidden_layers": 5, "num_hidden_groups": 2});
    let Graph::PostNorm(encoder) = blueprint(&uneven).unwrap().graph else { panic!("another graph") };
    assert_eq!(encoder.layers, [[0], [0], [0], [1], [1]]);
}

#[test]
fn halves_of_bart_differ() {
    let bart = json!({
        "model_type": "bart", "d_model": 12, "encoder_layers": 2, "encoder_attention_heads": 3,
        "encoder_ffn_dim": 7, "decoder_layers": 4, "decoder_attention_heads": 2, "decoder_ffn_dim": 9,
        "scale_embedding": true, "eos_token_id": 5, "decoder_start_token_id": 6, "vocab_size": 7,
        "num_hidden_layers": 2, "normalize_before": false, "add_final_layer_norm": false
    });
    let Blueprint { graph: Graph::Bart(graph), classifier, limits, .. } = blueprint(&bart).unwrap() else {
        panic!("another graph")
    };
    let sizes = |half: &PostNorm| (half.layers.len(), half.heads, half.intermediate_size);
    assert_eq!((sizes(&graph.encoder), sizes(&graph.decoder)), ((2, 3, 7), (4, 2, 9)));
    assert_eq!((graph.cross.len(), graph.start, classifier.pick), (4, 6, Pick::Last(5)));
    assert_eq!((graph.encoder.embeddings.scale, limits.positions), (12.0f32.sqrt(), 1024));
    assert_eq!(graph.encoder.embeddings.positions.1, 1026);
}

#[test]
fn what_bart_is_not() {
    for (key, value, message) in [
        ("tie_word_embeddings", json!(false), "`tie_word_embeddings` is false, which is not implemented"),
        ("normalize_before", json!(true), "`normalize_before` is true"),
        ("is_encoder_decoder", json!(false), "`is_encoder_decoder` is false"),
        ("eos_token_id", json!([2, 3]), "`eos_token_id` is [2,3]"),
        ("pad_token_id", json!(null), "`pad_token_id` is null"),
        ("decoder_start_token_id", json!(null), "`decoder_start_token_id` is null"),
        (
            "decoder_start_token_id",
            json!(50265),
            "`decoder_start_token_id` 50265 is beyond `vocab_size` 50265",
        ),
        (
            "num_hidden_layers",
            json!(6),
            "`num_hidden_layers` is 6, which is not implemented (only `encoder_layers`)",
        ),
        (
            "decoder_attention_heads",
            json!(3),
            "`d_model` 1024 is not divisible by `decoder_attention_heads` 3",
        ),
        ("decoder_layers", json!(1u64 << 60), "`decoder_layers` is 1152921504606846976, more than 1000"),
    ] {
        let error = blueprint(&json!({"model_type": "bart", key: value})).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
