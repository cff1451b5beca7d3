use std::path::Path;

use serde_json::json;

use super::*;

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
    ] {
        assert_eq!(tensor(model_type, raw), Canonical::Tensor(expected.to_owned()));
    }
    for (model_type, raw) in [
        ("bert", "embeddings.position_ids"),
        ("bert", "cls.predictions.bias"),
        ("roberta", "lm_head.dense.weight"),
        ("electra", "discriminator_predictions.dense.weight"),
        ("albert", "predictions.bias"),
    ] {
        assert!(matches!(tensor(model_type, raw), Canonical::Ignored(_)), "{raw}");
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
}
