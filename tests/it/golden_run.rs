//! `gatecheck run` on the golden classifiers, from texts to a verdict.

use serde_json::{Value, json};

use crate::{golden::Golden, harness::Place, model_folder::ModelFolder};

/// Few rows and few queries: it is the pauses that take time.
const RUN: &str =
    "run --model model --dataset rows.jsonl --latency-queries 2 --threads 1 --group-size 32 --out out";

/// A golden model with a tokenizer of its own vocabulary, and rows of text with the names of its classes.
fn place(golden: &Golden) -> Place {
    let model = ModelFolder::of(&golden.name);
    let config: Value =
        serde_json::from_str(&std::fs::read_to_string(model.join("config.json")).unwrap()).unwrap();
    let words = config["vocab_size"].as_u64().unwrap();
    model.write_tokenizer(words as usize);
    let place = Place::new();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::create_dir_all(place.path("model")).unwrap();
        std::fs::copy(model.join(name), place.path("model").join(name)).unwrap();
    }
    let classes: Vec<&Value> = config["id2label"].as_object().unwrap().values().collect();
    let word = |index: u64| format!("word{}", 3 + index % (words - 3));
    let row = |index: u64| {
        let (text, label) = (format!("{} {}", word(5 * index), word(7 * index)), index as usize);
        format!("{}\n", json!({ "text": text, "label": classes[label % classes.len()] }))
    };
    place.write("rows.jsonl", &(0..12).map(row).collect::<String>());
    place
}

/// Measures `arms` and gives the comparisons with the first of them.
#[track_caller]
fn compared(golden: &Golden, arms: &str) -> Vec<Value> {
    let place = place(golden);
    let output = place.gatecheck(&format!("{RUN} --arms {arms}"));
    assert!(
        matches!(output.code, 0 | 1 | 4),
        "{}: exit code {}: {}",
        golden.name,
        output.code,
        output.stderr
    );
    let report = place.report();
    assert_eq!(report["dataset"]["rows"], 12, "{}", golden.name);
    match report["comparisons"].as_array() {
        Some(comparisons) => comparisons.clone(),
        None => vec![report["comparison"].clone()],
    }
}

fn difference(comparison: &Value) -> f64 {
    comparison["max_logit_difference"].as_f64().unwrap()
}

#[test]
fn every_classifier_runs() {
    for golden in Golden::all().iter().filter(|golden| golden.name.contains("/classifier-")) {
        let quantizes = golden.name.ends_with("-blocks");
        let arms = if quantizes { "candle,mlx,mlx-q8" } else { "candle,mlx" };
        let comparisons = compared(golden, arms);
        assert!(difference(&comparisons[0]) < 1e-4, "{}: {comparisons:?}", golden.name);
        if quantizes {
            let loss = difference(&comparisons[1]);
            assert!(loss > 0.0 && loss < 1.0, "{}: {loss}", golden.name);
        }
    }
}
