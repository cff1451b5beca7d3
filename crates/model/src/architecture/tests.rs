use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::{
    blueprint::{
        Blueprint, Graph,
        deberta_v2::{DebertaV2, Distances, Projections},
        head::Pick,
        modernbert::ModernBert,
        post_norm::PostNorm,
    },
    json::Json,
};

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
        assert_eq!(found.classifier.layers().last().unwrap().outputs, 3, "{}", architecture.name());
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
        ("deberta-v2", "encoder.conv.LayerNorm.gamma", "deberta.encoder.conv.LayerNorm.weight"),
        ("deberta-v2", "deberta.embeddings.embed_proj.weight", "deberta.embeddings.embed_proj.weight"),
        ("deberta-v2", "pooler.dense.bias", "pooler.dense.bias"),
        ("mobilebert", "embeddings.LayerNorm.weight", "mobilebert.embeddings.LayerNorm.weight"),
        ("mobilebert", "mobilebert.pooler.dense.bias", "mobilebert.pooler.dense.bias"),
        ("modernbert", "layers.0.attn.Wqkv.weight", "model.layers.0.attn.Wqkv.weight"),
        ("modernbert", "model.final_norm.weight", "model.final_norm.weight"),
        ("modernbert", "head.dense.weight", "head.dense.weight"),
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
        ("deberta-v2", "lm_predictions.lm_head.bias"),
        ("deberta-v2", "mask_predictions.dense.weight"),
        ("deberta-v2", "cls.predictions.bias"),
        ("deberta-v2", "deberta.embeddings.position_ids"),
        ("mobilebert", "cls.predictions.dense.weight"),
        ("modernbert", "decoder.bias"),
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
    assert_eq!((graph.cross.len(), graph.start, classifier.picks), (4, 6, vec![Pick::LastOf(5)]));
    assert_eq!((graph.encoder.embeddings.scale, limits.positions), (12.0f32.sqrt(), 1024));
    assert_eq!(graph.encoder.embeddings.positions.as_ref().unwrap().1, 1026);
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

#[test]
fn absurd_numbers_are_refused_by_key_and_value() {
    let bert = ["num_hidden_layers", "max_position_embeddings", "vocab_size", "intermediate_size"];
    let own: &[(&str, &[&str])] = &[
        ("albert", &["num_hidden_groups", "inner_group_num", "embedding_size"]),
        ("bart", &["encoder_layers", "decoder_layers", "max_position_embeddings", "decoder_ffn_dim"]),
        ("bert", &bert),
        ("camembert", &bert),
        ("deberta-v2", &["num_hidden_layers", "conv_groups", "max_relative_positions", "position_buckets"]),
        ("distilbert", &["n_layers", "max_position_embeddings", "hidden_dim"]),
        ("electra", &bert),
        ("mobilebert", &["num_hidden_layers", "num_feedforward_networks", "max_position_embeddings"]),
        ("modernbert", &["num_hidden_layers", "global_attn_every_n_layers", "max_position_embeddings"]),
        ("mpnet", &bert),
        ("roberta", &bert),
        ("xlm-roberta", &bert),
    ];
    assert_eq!(own.len(), ALL.len());
    for (model_type, keys) in own {
        for key in *keys {
            for number in [1 << 31, 1 << 40, i64::MAX] {
                let config = json!({"model_type": model_type, "relative_attention": true, *key: number});
                let error = blueprint(&config).unwrap_err().to_string();
                assert!(
                    error.starts_with(&format!("`{key}` is {number}, more than ")),
                    "{model_type}: {error}"
                );
            }
        }
    }
    // Each key by itself would do.
    for (config, message) in [
        (
            json!({"model_type": "albert", "num_hidden_groups": 1000, "inner_group_num": 1000}),
            "`num_hidden_groups` × `inner_group_num` are 1000000, more than 1000",
        ),
        (
            json!({"model_type": "albert", "num_hidden_layers": 1000, "inner_group_num": 1000}),
            "`num_hidden_layers` × `inner_group_num` are 1000000, more than 1000",
        ),
        (
            json!({"model_type": "mobilebert", "num_hidden_layers": 1000, "num_feedforward_networks": 999}),
            "`num_hidden_layers` × `num_feedforward_networks` are 999000, more than 1000",
        ),
    ] {
        assert_eq!(blueprint(&config).unwrap_err().to_string(), message);
    }
}

fn deberta(entries: Value) -> Result<DebertaV2, String> {
    let mut value = json!({"model_type": "deberta-v2", "relative_attention": true});
    value.as_object_mut().unwrap().extend(entries.as_object().unwrap().clone());
    match blueprint(&value).map_err(|error| error.to_string())?.graph {
        Graph::DebertaV2(encoder) => Ok(encoder),
        other => panic!("{other:?}"),
    }
}

fn modernbert(keys: Value) -> Result<ModernBert, ConfigError> {
    let mut config = json!({"model_type": "modernbert", "num_hidden_layers": 4, "local_attention": 129});
    config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    match blueprint(&config)?.graph {
        Graph::ModernBert(encoder) => Ok(encoder),
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_of_deberta() {
    let v3 = deberta(json!({
        "hidden_size": 768, "num_attention_heads": 12, "position_buckets": 256, "share_att_key": true,
        "pos_att_type": "p2c|c2p", "norm_rel_ebd": "layer_norm", "position_biased_input": false,
    }));
    let v3 = v3.unwrap();
    assert!((v3.scale - 1.0 / 192f32.sqrt()).abs() < 1e-9);
    let relative = v3.relative.unwrap();
    assert_eq!(relative.distances, Distances { span: 256, shared_from: Some(511) });
    assert_eq!(
        (relative.keys, relative.queries.unwrap()),
        (Some(Projections::OfTokens), Projections::OfTokens)
    );
    assert!(v3.relative_norm.is_some() && v3.convolution.is_none());
    assert!(v3.encoder.embeddings.positions.is_none() && v3.encoder.embeddings.types.is_none());
    let own =
        deberta(json!({"pos_att_type": ["p2c"], "max_relative_positions": 7})).unwrap().relative.unwrap();
    assert_eq!(own.distances, Distances { span: 7, shared_from: None });
    assert!(own.keys.is_none() && matches!(own.queries, Some(Projections::Own(names)) if names.len() == 24));
    let absolute = deberta(json!({"relative_attention": false, "pos_att_type": ["c2p"]})).unwrap();
    assert!(absolute.relative.is_none() && (absolute.scale - 1.0 / 128f32.sqrt()).abs() < 1e-9);
}

#[test]
fn what_deberta_has_no_graph_for() {
    for (entries, message) in [
        (json!({"pos_att_type": "c2p|p2p"}), "`pos_att_type` is \"c2p|p2p\", which is not implemented"),
        (json!({"pos_att_type": ["p2p"]}), "`pos_att_type` is [\"p2p\"], which is not implemented"),
        (json!({"norm_rel_ebd": "batch_norm"}), "`norm_rel_ebd` is \"batch_norm\", which is not implemented"),
        (json!({"conv_kernel_size": 4}), "`conv_kernel_size` is 4, which is not implemented"),
        (json!({"conv_groups": 5}), "`hidden_size` 1536 is not divisible by `conv_groups` 5"),
        (json!({"pooler_hidden_size": 8}), "`pooler_hidden_size` is 8, which is not implemented"),
        (json!({"attention_head_size": 8}), "`attention_head_size` is 8, which is not implemented"),
        (
            json!({"position_buckets": 1}),
            "`position_buckets` 1 cannot share out `max_relative_positions` 512",
        ),
        (
            json!({"max_position_embeddings": 1u64 << 60}),
            "`max_position_embeddings` is 1152921504606846976, more than 1048576",
        ),
        (
            json!({"position_buckets": 64, "max_relative_positions": 33}),
            "`position_buckets` 64 cannot share out `max_relative_positions` 33",
        ),
    ] {
        let found = deberta(entries).unwrap_err();
        assert!(found.starts_with(message), "{found}");
    }
}

#[test]
fn layers_of_modernbert_in_the_words_of_both_versions() {
    let seen = |keys: Value| {
        let layers = modernbert(keys).unwrap().layers.into_iter();
        layers.map(|layer| (layer.window, layer.rope_theta)).collect::<Vec<_>>()
    };
    let (near, far) = ((Some(64), 10_000.0), (None, 160_000.0));
    assert_eq!(seen(json!({})), [far, near, near, far]);
    let four = json!({"global_attn_every_n_layers": 2, "global_rope_theta": 5.0, "local_rope_theta": 7.0});
    assert_eq!(seen(four), [(None, 5.0), (Some(64), 7.0), (None, 5.0), (Some(64), 7.0)]);
    assert_eq!(seen(json!({"local_rope_theta": null}))[1], (Some(64), 160_000.0));
    let five = json!({
        "global_attn_every_n_layers": 1,
        "layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention"],
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 6}},
    });
    assert_eq!(seen(five), [near, (None, 6.0), (None, 6.0), (None, 6.0)]);
    let names: Vec<_> = modernbert(json!({})).unwrap().layers;
    assert!(names[0].attention_norm.is_none() && names[1].attention_norm.is_some());
}

#[test]
fn what_modernbert_does_not_do_is_refused() {
    let rope = |kind: Value| json!({"rope_parameters": {"full_attention": kind}});
    for (keys, words) in [
        (json!({"classifier_pooling": "max"}), "`classifier_pooling` is \"max\""),
        (json!({"layer_types": ["full_attention"]}), "`layer_types` has 1 entries"),
        (
            json!({"layer_types": ["full_attention", "chunked_attention", "x", "y"]}),
            "`layer_types[1]` is \"chunked_attention\"",
        ),
        (rope(json!({"rope_type": "yarn"})), "`rope_parameters.full_attention.rope_type` is \"yarn\""),
        (rope(json!({"rope_theta": 0})), "`rope_parameters.full_attention.rope_theta` is no positive number"),
        (json!({"rope_parameters": {"rope_theta": 3.0}}), "`rope_parameters.rope_theta` is 3.0"),
        (json!({"local_rope_theta": "x"}), "`local_rope_theta` is no positive number"),
        (json!({"rope_scaling": {"factor": 2}}), "`rope_scaling` is {\"factor\":2}"),
        (json!({"sliding_window": 65}), "`sliding_window` is 65"),
        (json!({"head_dim": 32}), "`head_dim` is 32"),
        (json!({"hidden_size": 15, "num_attention_heads": 5}), "`hidden_size` 15 and"),
        (json!({"num_hidden_layers": 5000}), "`num_hidden_layers` is 5000"),
    ] {
        let error = modernbert(keys).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
}

#[test]
fn what_mobilebert_does_not_do_is_refused() {
    let with = |keys: Value| {
        let mut config = json!({"model_type": "mobilebert"});
        config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        blueprint(&config)
    };
    for (keys, words) in [
        (json!({"normalization_type": "rms"}), "`normalization_type` is \"rms\""),
        (json!({"num_feedforward_networks": 0}), "`num_feedforward_networks` is 0"),
        (json!({"num_feedforward_networks": 5000}), "`num_feedforward_networks` is 5000"),
        (json!({"true_hidden_size": 512}), "`true_hidden_size` is 512"),
        (json!({"key_query_shared_bottleneck": false}), "`key_query_shared_bottleneck` is false"),
        (json!({"intra_bottleneck_size": 130}), "`intra_bottleneck_size` 130 is not divisible"),
    ] {
        let error = with(keys).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
    let plain = with(json!({"classifier_activation": false})).unwrap();
    assert_eq!(plain.classifier.layers().count(), 1);
    with(json!({"true_hidden_size": 128, "use_bottleneck_attention": true})).unwrap();
}
