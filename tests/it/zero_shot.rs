//! Zero-shot classification: its scores against the pipeline of transformers, and its questions through
//! the real program.

use std::{path::Path, sync::Arc, time::Duration};

use gatecheck::app::{
    arms::ArmKind,
    cell::Effort,
    defaults,
    event::Silent,
    plan::{self, Files, Original},
    record,
    settings::{Comparison, Measuring, Texts, ZeroShotSettings},
    source::ModelSource,
};
use gatecheck_backend::worker::process::ProcessLauncher;
use gatecheck_data::dataset::{Dataset, Example, Gold};
use gatecheck_judge::record::RunRecord;
use gatecheck_judge::task::Task;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::{Place, metric, recalls};

/// What `tests/zero_shot/make_zero_shot.py` writes.
#[derive(Deserialize)]
struct Golden {
    model_sha256: String,
    candidate_labels: Vec<String>,
    texts: Vec<String>,
    cases: Vec<Case>,
}

/// One way to ask, and the scores of each text in the order of the candidates.
#[derive(Deserialize)]
struct Case {
    hypothesis_template: String,
    multi_label: bool,
    /// Names of the model's classes.
    labels: Vec<String>,
    scores: Vec<Vec<f64>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../zero_shot/golden.json")).unwrap()
}

/// The demo model whose classes have other names.
fn demo_model(place: &Place, labels: &[String]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo-nli");
    std::fs::create_dir_all(place.path("model")).unwrap();
    for name in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(folder.join(name), place.path("model").join(name)).unwrap();
    }
    let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["id2label"] =
        labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label))).collect();
    place.write("model/config.json", &config.to_string());
}

/// The scores that the pipeline defines, from the outputs of one example.
fn scores(outputs: &[f64], multi_label: bool) -> Vec<f64> {
    let exponents: Vec<f64> = outputs.iter().map(|output| output.exp()).collect();
    let sum: f64 = exponents.iter().sum();
    let score = |exponent: &f64| if multi_label { exponent / (1.0 + exponent) } else { exponent / sum };
    exponents.iter().map(score).collect()
}

/// The texts as a dataset whose labels are the candidates.
fn dataset(texts: &[String], candidates: &[String]) -> Dataset {
    let example = |text: &String| Example { text: text.clone(), pair: None, gold: Gold::Label(0) };
    Dataset::in_memory("topics", Task::ZeroShot, candidates.to_vec(), texts.iter().map(example).collect())
}

/// Plans and measures one case with the model in `place`: one arm, as little work as can be.
fn measured(place: &Place, dataset: &Dataset, case: &Case) -> RunRecord {
    let source = ModelSource {
        name: "demo-nli".to_owned(),
        folder: place.path("model"),
        source: "demo-nli".to_owned(),
        revision: None,
    };
    let comparison = Comparison { arms: vec![ArmKind::Candle], group_size: None, embedding_bits: None };
    let measuring =
        Measuring { batch_size: 7, threads: 1, seed: 1, latency_queries: 1, ..Measuring::default() };
    let zero_shot = ZeroShotSettings {
        hypothesis_template: Some(case.hypothesis_template.clone()),
        multi_label: case.multi_label,
        ..ZeroShotSettings::default()
    };
    let texts = Texts { zero_shot, ..Texts::default() };
    let original = Original::open(source).unwrap();
    let asked = plan::ask(&original, dataset, &texts, measuring.batch_size, &place.path("")).unwrap();
    let arms = plan::arms(&comparison, &[], &measuring).unwrap();
    let arms =
        arms.into_iter().map(|arm| arm.with_files(&original, Files::Original, false, 1).unwrap()).collect();
    let mut cell = plan::cell(original.facts().unwrap(), asked, arms, &measuring, defaults::policy(), None);
    cell.effort = Effort { throughput_s: 0.0, pause: Duration::ZERO, ..cell.effort };
    let program = env!("CARGO_BIN_EXE_gatecheck").into();
    let launcher = ProcessLauncher { program, deadline: Duration::from_secs(60), stop: Arc::default() };
    record::measure(&cell, &place.path("out"), Value::Null, &launcher, &mut Silent).unwrap().0
}

#[test]
fn scores_are_those_of_the_pipeline_of_transformers() {
    let Golden { model_sha256, candidate_labels, texts, cases } = golden();
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo-nli/model.safetensors");
    assert_eq!(
        gatecheck_base::fs::sha256_file(&weights).unwrap(),
        model_sha256,
        "the demo model changed; run tests/zero_shot/make_zero_shot.py again"
    );
    let dataset = dataset(&texts, &candidate_labels);
    for case in cases {
        let place = Place::new();
        demo_model(&place, &case.labels);
        let record = measured(&place, &dataset, &case);
        let arm = &record.arms[0];
        assert_eq!((&arm.failure, arm.output_width), (&None, 4));
        assert_eq!(record.dataset.truncated, 2, "the two long texts");
        let outputs: Vec<f64> = arm.outputs.iter().map(|output| f64::from(*output)).collect();
        for (row, (outputs, expected)) in outputs.chunks(4).zip(&case.scores).enumerate() {
            for (score, expected) in scores(outputs, case.multi_label).iter().zip(expected) {
                let Case { labels, multi_label, .. } = &case;
                assert!(
                    (score - expected).abs() < 1e-5,
                    "row {row}: {score} is not {expected} ({labels:?}, multi-label {multi_label})"
                );
            }
        }
    }
}

/// A place with six texts of two topics, and this entry for them.
fn topics(more: &Value) -> Place {
    let place = Place::new();
    crate::tiny_model::TinyModel::classifier().save(&place.path("model"));
    let rows = (0..6).map(|row| format!("{}\n", json!({ "text": format!("w{row}"), "label": row % 2 })));
    place.write("topics.jsonl", &rows.collect::<String>());
    let mut entry = json!({ "provider": "local", "name": "topics.jsonl", "label_names": ["w8", "w9"] });
    for (key, value) in more.as_object().unwrap() {
        entry[key] = value.clone();
    }
    place.write("topics.yaml", &json!({ "datasets": { "topics": entry } }).to_string());
    place
}

#[test]
fn an_example_is_one_query_whatever_the_number_of_candidates() {
    let place = topics(&json!({ "task": "zero-shot-classification", "hypothesis_template": "{} w5" }));
    place.write(
        "mock.json",
        &json!({ "candle": { "ns_per_call": 6_000_000 }, "mlx-q8": { "ns_per_call": 3_000_000 } })
            .to_string(),
    );
    let output = place.gatecheck(
        "run --model model --dataset topics --config topics.yaml --mock mock.json --latency-queries 4 --out out \
         --batch-size 4",
    );
    assert_eq!(output.code, 4, "{}", output.stderr);
    let report = place.report();
    // Two examples a batch: three calls of 6 ms for six examples.
    assert_eq!(metric(&report, 0, "qpm")["value"], 20_000.0);
    // `[CLS] w0 [SEP] w8 w5 [SEP]` twice an example.
    assert_eq!(report["dataset"]["real_tokens"], 6 * 12);
    let p50 = metric(&report, 0, "latency_p50_ms")["value"].as_f64().unwrap();
    assert!((p50 - 6.0).abs() < 0.01, "{p50} ms");
    assert_eq!(report["dataset"]["labels"]["names"], json!(["w8", "w9"]));
    assert_eq!(report["dataset"]["labels"]["rule"], "zero-shot");
    assert_eq!(report["dataset"]["zero_shot"]["candidate_labels"], json!(["w8", "w9"]));
    assert_eq!(recalls(&report, 0), 2);
    let note =
        "note: zero-shot: \u{201c}{} w5\u{201d} with `w8` and `w9`, scored by the logit of `entailment`\n";
    assert!(output.stdout.contains(note), "{}", output.stdout);
}

#[test]
fn labels_without_classes_are_refused_unless_it_is_asked_for() {
    let place = topics(&json!({}));
    let run = "run --dataset topics --config topics.yaml --arms candle,candle --latency-queries 3 --out out";
    place.refuses(
        &format!("{run} --model model"),
        "error: dataset label `w8` is no class of the model, whose classes are `entailment`, `neutral` and \
         `contradiction`\n\nhint: say what each label means, in the dataset's entry:\n    label_map:\n      \
         w8: entailment  # one of `entailment`, `neutral` and `contradiction`\n      w9: neutral  # one of `entailment`, \
         `neutral` and `contradiction`\nor ask the model about each label, with `task: zero-shot-classification` there",
    );
}

#[test]
fn questions_that_cannot_be_asked() {
    let run = "run --model model --dataset topics --config topics.yaml --arms candle,candle --out out";
    let zero_shot = |more: Value| {
        let mut entry = json!({ "task": "zero-shot-classification" });
        more.as_object().unwrap().iter().for_each(|(key, value)| entry[key] = value.clone());
        topics(&entry)
    };
    let place = zero_shot(json!({ "label_names": null }));
    place.refuses(
        run,
        "error: the labels of dataset `topics` have no names, so there is nothing to ask the model\n\nhint: give the \
         dataset's entry `label_names`, or `candidate_labels`",
    );
    let place = zero_shot(json!({ "label_names": null, "candidate_labels": ["a", "b", "c"] }));
    place.refuses(
        run,
        "error: dataset `topics` has 3 candidate labels for its 2 labels `0` and `1`\n\nhint: give \
         `candidate_labels` one for each label, in the order of `label_names`",
    );
    let place = zero_shot(json!({}));
    let mut model = crate::tiny_model::TinyModel::classifier();
    model.config["id2label"] = json!({ "0": "bad", "1": "so-so", "2": "good" });
    model.save(&place.path("model"));
    place.refuses(
        run,
        "error: dataset `topics` is for zero-shot classification, which needs a model of natural-language inference; \
         this one's classes are `bad`, `so-so` and `good`\n\nhint: take a model with a class called `entailment`, or one \
         whose classes are the dataset's labels",
    );
    let place = zero_shot(json!({}));
    place.write("topics.jsonl", "{\"text\": \"w1\", \"pair\": \"w2\", \"label\": 0}\n");
    place.refuses(
        run,
        "error: the dataset `topics` has two texts a row; zero-shot classification reads one\n\nhint: name the text to \
         be classified in the dataset's entry, under `columns: {text: …}`",
    );
    zero_shot(json!({ "hypothesis_template": "no place" })).refuses(
        run,
        "error: `topics` in `topics.yaml`, line 1: `hypothesis_template` is `no place`; it must have one `{}`, where \
         the candidate stands",
    );
}
