//! `gatecheck run` on every golden model, from texts to a verdict.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::{
    golden::Golden,
    harness::{Place, metric},
    model_folder::{ModelFolder, copy},
};

/// Few rows and few queries: it is the pauses that take time.
const RUN: &str =
    "run --model model --dataset rows.jsonl --latency-queries 2 --threads 1 --group-size 32 --out out";
/// Rows of the dataset.
const ROWS: usize = 12;

/// Rows of words that the model's own tokenizer knows, with the names of its classes, or pairs with scores.
fn rows(config: &Value, words: usize) -> String {
    let text =
        |index: usize| format!("word{} word{}", 3 + 5 * index % (words - 3), 3 + 7 * index % (words - 3));
    let classes: Vec<&Value> =
        config["id2label"].as_object().into_iter().flat_map(|map| map.values()).collect();
    let classifier = config["architectures"][0].as_str().unwrap().ends_with("Classification");
    let row = |index: usize| match classifier {
        true => json!({ "text": text(index), "label": classes[index % classes.len()] }),
        false => {
            json!({ "sentence1": text(index), "sentence2": text(index + 3), "score": index as f32 / 8.0 })
        }
    };
    (0..ROWS).map(|index| format!("{}\n", row(index))).collect()
}

/// The report on these arms.
#[track_caller]
fn report(golden: &Golden, arms: &str) -> Value {
    let model = ModelFolder::of(&golden.name);
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    let words = config["vocab_size"].as_u64().unwrap() as usize;
    model.write_tokenizer(words);
    let place = Place::new();
    copy(model.path(), &place.path("model"));
    place.write("rows.jsonl", &rows(&config, words));
    let output = place.gatecheck(&format!("{RUN} --arms {arms}"));
    let done = matches!(output.code, 0 | 1 | 4);
    assert!(done, "{}: exit code {}: {}", golden.name, output.code, output.stderr);
    let report = place.report();
    assert_eq!(report["dataset"]["rows"], ROWS, "{}", golden.name);
    report
}

/// Checks all golden models of a kind, four at a time: most of a run is pauses.
fn each(kind: &str, check: impl Fn(&Golden) + Sync) {
    let models: Vec<_> = Golden::all().into_iter().filter(|golden| golden.name.contains(kind)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(golden) = models.get(next.fetch_add(1, Ordering::Relaxed)) {
            check(golden);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn every_classifier_runs() {
    let difference = |comparison: &Value| comparison["max_logit_difference"].as_f64().unwrap();
    each("/classifier-", |golden| {
        if !golden.name.ends_with("-blocks") {
            let report = report(golden, "candle,mlx");
            let found = difference(&report["comparison"]);
            assert!(found < 1e-4, "{}: candle and MLX differ by {found}", golden.name);
            return;
        }
        let report = report(golden, "candle,mlx,mlx-q8");
        let [floats, packed] = [0, 1].map(|index| difference(&report["comparisons"][index]));
        assert!(floats < 1e-4, "{}: candle and MLX differ by {floats}", golden.name);
        assert!(packed > floats && packed < 1.0, "{}: 8 bits change logits by {packed}", golden.name);
    });
}

#[test]
fn every_embedding_runs() {
    each("/embedding-", |golden| {
        let report = report(golden, "candle,mlx");
        let [candle, mlx] = [0, 1].map(|arm| metric(&report, arm, "pearson")["value"].as_f64().unwrap());
        assert!((candle - mlx).abs() < 1e-5, "{}: {candle} and {mlx}", golden.name);
    });
}
