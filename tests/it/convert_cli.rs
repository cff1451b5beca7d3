//! `convert`, and `run` with real arms on the tiny model: what is converted, skipped, refused and counted.

use serde_json::{Value, json};

use crate::{
    harness::{Output, Place, by_id, metric},
    tiny_model::{TinyModel, WORDS},
};

/// Few rows and few queries: with real arms it is the pauses that take time.
const REAL: &str =
    "run --model model --dataset rows.jsonl --limit 30 --latency-queries 3 --threads 1 --out out";

/// A run that has to come to its end, whatever its verdict.
#[track_caller]
fn measured(place: &Place, arguments: &str) -> Output {
    let output = place.gatecheck(arguments);
    assert!(matches!(output.code, 0 | 1 | 4), "exit code {}: {}", output.code, output.stderr);
    output
}

#[test]
fn converts_once() {
    let place = Place::with_model();
    let first = place.gatecheck("convert --model model");
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(
        first.stdout,
        "Converted: models/mlx_converted/model-mlx-q8 (0.11 MB, computed 0.11 MB; weights before 0.34 MB)\n"
    );
    let metadata = place.read("models/mlx_converted/model-mlx-q8/conversion_metadata.json");
    let second = place.gatecheck("convert --model model");
    assert!(second.stdout.starts_with("Skipped, already converted: models/mlx_converted/model-mlx-q8"));
    assert!(place.gatecheck("convert --model model --no-skip").stdout.starts_with("Converted:"));
    assert_eq!(place.read("models/mlx_converted/model-mlx-q8/conversion_metadata.json"), metadata);
}

#[test]
fn of_many_models_the_gravest_code_counts() {
    let place = Place::new();
    let output = place.gatecheck("convert");
    // None is in the cache, and the network may not be asked.
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    assert!(output.stderr.matches(": error: ").count() >= 14, "{}", output.stderr);
    let mut command = place.command("convert");
    command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", "http://127.0.0.1:9");
    assert_eq!(Output::of(command.spawn().unwrap()).code, 3);
}

#[test]
fn artefacts_are_named_by_their_recipe() {
    let place = Place::with_model();
    for bits in ["4", "8", "16", "32"] {
        assert_eq!(
            place.gatecheck(&format!("convert --model model --bits {bits} --output-dir made")).code,
            0
        );
    }
    assert_eq!(place.files("made"), ["model-mlx-fp16", "model-mlx-fp32", "model-mlx-q4", "model-mlx-q8"]);
}

#[test]
fn a_dry_run_tells_the_size_and_writes_nothing() {
    let place = Place::with_model();
    let output = place.gatecheck("convert --model model --bits 4 --dry-run");
    assert_eq!(output.code, 0);
    assert!(output.stdout.starts_with("model → models/mlx_converted/model-mlx-q4\n"), "{}", output.stdout);
    assert!(output.stdout.contains("one-dimensional (norm or bias)"), "{}", output.stdout);
    assert_eq!(place.files("."), ["model", "rows.jsonl"]);
    let computed = format!("{} bytes", converted_bytes(&place));
    assert!(output.stdout.replace(',', "").contains(&computed), "{computed}: {}", output.stdout);
}

/// Size on disk of the 4-bit artefact, converted for the purpose.
fn converted_bytes(place: &Place) -> u64 {
    place.gatecheck("convert --model model --bits 4 --output-dir made");
    let place = place.path("made/model-mlx-q4");
    let names = ["config.json", "model.safetensors", "tokenizer.json"];
    names.iter().map(|name| std::fs::metadata(place.join(name)).unwrap().len()).sum()
}

#[test]
fn the_baseline_alone_changes_nothing() {
    let place = Place::with_model();
    let is_even = || {
        measured(&place, &format!("{REAL} --arms candle,candle"));
        let comparison = place.report()["comparison"].clone();
        assert_eq!(
            [&comparison["flips"]["count"], &comparison["max_logit_difference"]],
            [&json!(0), &json!(0.0)]
        );
        let [low, high] =
            ["low", "high"].map(|end| by_id(&comparison["ratios"], "qpm")[end].as_f64().unwrap());
        low <= 1.0 && 1.0 <= high
    };
    // One interval in twenty misses; three in a row do not.
    assert!((0..3).any(|_| is_even()));
    assert_eq!(place.report()["arms"][1]["name"], "candle-2");
    assert_eq!(place.files("."), ["model", "out", "rows.jsonl"]);
}

#[test]
#[cfg(feature = "mlx")]
fn run_converts_and_measures_three_arms() {
    let place = Place::with_model();
    measured(&place, &format!("{REAL} --arms candle,mlx,mlx-q8"));
    assert_eq!(
        place.files("out"),
        ["junit.xml", "record.json", "record.safetensors", "report.csv", "report.json", "report.md"]
    );
    let report = place.report();
    let arms = report["arms"].as_array().unwrap();
    assert_eq!(arms.iter().map(|arm| &arm["backend"]).collect::<Vec<_>>(), ["candle", "mlx", "mlx"]);
    assert_eq!([&arms[2]["bits"], &arms[2]["group_size"]], [8, 64]);
    let difference = report["comparisons"][0]["max_logit_difference"].as_f64().unwrap();
    assert!(difference < 1e-4, "candle and MLX differ by {difference}");
    let quantized = report["comparisons"][1]["max_logit_difference"].as_f64().unwrap();
    assert!(quantized > difference && quantized < 0.5, "{quantized}");
    let size = |arm| metric(&report, arm, "size_mb")["value"].as_f64();
    assert!(size(2) < size(1));
    assert_eq!(
        report["gates"].as_array().unwrap().iter().find(|gate| gate["name"] == "size").unwrap()["verdict"],
        "pass"
    );
}

#[test]
#[cfg(feature = "mlx")]
fn an_artefact_is_used_again() {
    let place = Place::with_model();
    place.gatecheck("convert --model model");
    let weights = "models/mlx_converted/model-mlx-q8/model.safetensors";
    let written = || std::fs::metadata(place.path(weights)).unwrap().modified().unwrap();
    let before = written();
    measured(&place, &format!("{REAL} --no-convert"));
    assert_eq!(written(), before);
    assert_eq!(place.record()["arms"][1]["weights"], "models/mlx_converted/model-mlx-q8");
}

#[test]
fn without_an_artefact_no_convert_refuses() {
    Place::with_model().refuses(
        &format!("{REAL} --no-convert"),
        "error: MLX model not found at models/mlx_converted/model-mlx-q8\n\nhint: make sure to run conversion first: \
         `gatecheck convert --model model --bits 8`, or leave out `--no-convert`",
    );
}

#[test]
fn a_stale_artefact_is_not_taken() {
    let place = Place::with_model();
    place.gatecheck("convert --model model");
    let mut other = TinyModel::classifier();
    other.tensors.get_mut("classifier.bias").unwrap().1[0] += 1.0;
    other.save(&place.path("model"));
    place.refuses(
        &format!("{REAL} --no-convert"),
        "error: the artefact at models/mlx_converted/model-mlx-q8 was made with another recipe or from other \
         files\n\nhint: leave out `--no-convert`, or convert with `--no-skip`",
    );
    place.refuses(
        REAL,
        "error: `models/mlx_converted/model-mlx-q8` is there already, of another recipe or other inputs\n\nhint: \
         replace it with `gatecheck convert --no-skip`, or choose another `--output-dir`",
    );
}

/// The tiny classifier without names for its classes, and scripts for its arms.
fn nameless() -> Place {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": {} }));
    let mut model = TinyModel::classifier();
    model.config["id2label"] = json!({ "0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2" });
    model.save(&place.path("model"));
    place
}

#[test]
fn classes_without_names_are_refused() {
    let output = nameless().measure("");
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    assert!(output.stderr.contains("label_map:\n      contradiction: LABEL_0"), "{}", output.stderr);
}

#[test]
fn a_label_map_names_the_classes() {
    let place = nameless();
    let map = json!({ "entailment": "LABEL_0", "neutral": "LABEL_1", "contradiction": "LABEL_2" });
    let entry = json!({ "provider": "local", "name": "rows.jsonl", "label_map": map });
    place.write("own.yaml", &json!({ "datasets": { "own": entry } }).to_string());
    let mock = "--mock mock.json --latency-queries 20 --out out";
    let output = place.gatecheck(&format!("run --model model --dataset own --config own.yaml {mock}"));
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(metric(&place.report(), 0, "accuracy")["value"], 0.9);
}

#[test]
fn rows_without_a_label_are_counted() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": {} }));
    let unlabelled = "{\"text\": \"w1\", \"label\": \"-1\"}\n".repeat(7);
    place.write("rows.jsonl", &format!("{}{unlabelled}", crate::harness::rows(WORDS)));
    assert_eq!(place.measure("").code, 0);
    let report = place.report();
    assert_eq!([&report["dataset"]["rows"], &report["dataset"]["dropped_without_label"]], [600, 7]);
    assert_eq!(warnings(&report), ["7 rows without a gold label were left out"]);
}

#[test]
fn long_texts_are_cut_and_counted() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": {} }));
    let long = json!({ "text": "w1 ".repeat(15), "label": "neutral" });
    let fits = json!({ "text": "w1 ".repeat(14), "label": "neutral" });
    place.write("rows.jsonl", &format!("{}{long}\n{fits}\n", crate::harness::rows(598)));
    place.measure("");
    let report = place.report();
    let dataset = &report["dataset"];
    assert_eq!([&dataset["truncated"], &dataset["max_length"], &dataset["rows"]], [1, 16, 600]);
    assert_eq!(dataset["truncated_share"].as_f64().unwrap(), 0.001666666667);
    assert_eq!(warnings(&report), ["0.2 % of the examples were cut to 16 tokens"]);
}

/// The warnings of a report that do not come from the machine.
fn warnings(report: &Value) -> Vec<&str> {
    let all = report["warnings"].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
    all.filter(|one| !one.starts_with("the machine")).collect()
}

#[test]
fn many_long_texts_cannot_be_judged() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": {} }));
    place.write(
        "rows.jsonl",
        &format!("{}\n", json!({ "text": "w1 ".repeat(20), "label": "neutral" })).repeat(60),
    );
    assert_eq!(place.measure("").code, 3);
    let reason = &place.report()["gates"][0]["reason"];
    assert_eq!(reason, "100.0 % of the examples were truncated, more than the 5.0 % allowed");
}

#[test]
#[cfg(feature = "mlx")]
fn sentences_are_compared() {
    let place = Place::new();
    TinyModel::sentences().save(&place.path("model"));
    let row = |index: usize| json!({ "sentence1": format!("w{index} w7"), "sentence2": format!("w{} w7 w9", index * index % 599), "score": index as f64 / 7.0 });
    place.write("rows.jsonl", &(0..60).map(|index| format!("{}\n", row(index))).collect::<String>());
    measured(&place, &REAL.replace("--limit 30", "--limit 50"));
    let report = place.report();
    assert_eq!([&report["metric"], &report["dataset"]["task"]], ["spearman", "similarity"]);
    assert!(report["comparison"]["max_logit_difference"].as_f64().unwrap() < 0.02);
    assert!(metric(&report, 0, "pearson")["value"].is_number());
}
