//! Whole commands over damaged files: each ends in time with a documented exit code and says why, no text of a panic
//! and no code for the terminal reaches a user, no process stays, and no report says other than the exit code.
#![expect(clippy::print_stdout, reason = "counts what happened, for `--nocapture`")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    damage::Seeded,
    harness::{MEASURE, Output, Place, rows},
    resume::halfway,
};

/// A folder, a command that ends well in it, and the files that are spoiled.
struct Scene {
    place: Place,
    command: String,
    files: &'static [&'static str],
}

const MODEL: [&str; 3] = ["model/config.json", "model/tokenizer.json", "model/model.safetensors"];

fn scenes() -> Vec<Scene> {
    let arms = json!({ "candle": { "ns_per_call": 3_000_000 }, "mlx-q8": { "flip_every": 100 } });
    let measured = || {
        let place = Place::scripted(&arms);
        assert_eq!(place.measure("").code, 4);
        place
    };
    let configured = || {
        let place = Place::scripted(&arms);
        let model = json!({ "name": "own", "hf_name": "org/own", "benchmarks": ["mine"], "quantization": { "bits": 8 } });
        let dataset = json!({ "name": "rows.jsonl", "provider": "local", "columns": { "text": "text", "label": "label" } });
        place.write("models.yaml", &json!({ "models": [model] }).to_string());
        place.write("datasets.yaml", &json!({ "datasets": { "mine": dataset } }).to_string());
        place
    };
    let separated = || {
        let place = Place::with_model();
        let lines = rows(60).replace(r#"{"text":""#, "").replace(r#"","label":""#, ",").replace(r#""}"#, "");
        place.write("rows.csv", &format!("text,label\n{lines}"));
        place
    };
    vec![
        Scene { place: Place::scripted(&arms), command: MEASURE.into(), files: &MODEL },
        Scene { place: Place::scripted(&arms), command: MEASURE.into(), files: &["rows.jsonl", "mock.json"] },
        Scene {
            place: configured(),
            command: "run --model model --dataset mine --config models.yaml datasets.yaml --mock mock.json \
                      --latency-queries 20 --out out"
                .into(),
            files: &["models.yaml", "datasets.yaml"],
        },
        Scene {
            place: separated(),
            command: "run --model model --dataset rows.csv --arms candle,candle --latency-queries 6 --timeout 20 --out out"
                .into(),
            files: &["rows.csv", MODEL[0], MODEL[1], MODEL[2]],
        },
        Scene { place: Place::with_model(), command: "convert --model model --bits 4".into(), files: &MODEL },
        Scene {
            place: measured(),
            command: MEASURE.into(),
            files: &[
                "models/mlx_converted/model-mlx-q8/config.json",
                "models/mlx_converted/model-mlx-q8/model.safetensors",
                "models/mlx_converted/model-mlx-q8/conversion_metadata.json",
            ],
        },
        Scene {
            place: measured(),
            command: "report out".into(),
            files: &["out/record.json", "out/record.safetensors"],
        },
        Scene { place: halfway(), command: "report out".into(), files: &["out/journal.jsonl"] },
        Scene { place: halfway(), command: "run --resume out --timeout 20".into(), files: &["out/journal.jsonl"] },
    ]
}

/// Spoils the bytes of a file, or a value in it if it is JSON or its lines are.
fn spoil(path: &Path, seeded: &mut Seeded) {
    let bytes = std::fs::read(path).unwrap();
    let spoiled = match seeded.below(16) {
        0 => return std::fs::remove_file(path).unwrap(),
        1 => Vec::new(),
        2..8 => spoil_value(&bytes, seeded).unwrap_or(bytes),
        _ if bytes.is_empty() => b"[".to_vec(),
        _ => seeded.spoil(&bytes),
    };
    std::fs::write(path, spoiled).unwrap();
}

fn spoil_value(bytes: &[u8], seeded: &mut Seeded) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if let Ok(mut json) = serde_json::from_str::<Value>(text) {
        seeded.spoil_value(&mut json);
        return Some(json.to_string().into_bytes());
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = seeded.below(lines.len().max(1));
    let mut json: Value = serde_json::from_str(lines.get(line)?).ok()?;
    seeded.spoil_value(&mut json);
    lines[line] = json.to_string();
    Some((lines.join("\n") + "\n").into_bytes())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Runs a command over what the damage left. Returns its exit code.
fn run(scene: &Scene, damage: &[(usize, u64)]) -> Result<i32, String> {
    let place = Place::new();
    copy(&scene.place.path(""), &place.path(""));
    for (file, seed) in damage {
        let path = place.path(scene.files[file % scene.files.len()]);
        if path.is_file() {
            spoil(&path, &mut Seeded(*seed));
        }
    }
    let _ = std::fs::remove_file(place.path("out/report.json"));
    let start = Instant::now();
    let Output { code, stdout, stderr } = place.gatecheck(&scene.command);
    let wrong = |what: &str| Err(format!("{what}: {}: code {code}\n{stdout}\n{stderr}", scene.command));
    if !(0..=4).contains(&code) {
        return wrong("undocumented exit code");
    }
    for word in ["panic", "RUST_BACKTRACE", "unwrap()", "\u{1b}"] {
        if stdout.contains(word) || stderr.contains(word) {
            return wrong(&format!("{word:?} reached the user"));
        }
    }
    // Of what was measured, the table says it beside the gate.
    let says_why = stderr.contains("error: ") || stdout.contains("verdict   error");
    if [2, 3].contains(&code) && !says_why {
        return wrong("failed and does not say why");
    }
    if start.elapsed() > Duration::from_secs(60) {
        return wrong("slow");
    }
    if let Ok(report) = std::fs::read_to_string(place.path("out/report.json")) {
        let report: Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
        if report["exit_code"] != code {
            return wrong("the report says another exit code");
        }
    }
    place.is_left_alone();
    Ok(code)
}

/// Damages and runs until the time is over.
fn damaged_for(time: Duration) {
    let scenes = scenes();
    for scene in &scenes {
        let code = run(scene, &[]).unwrap();
        assert!([0, 1, 4].contains(&code) || scene.command == "report out", "{}: {code}", scene.command);
    }
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 20, ..Config::default() };
    let mut codes = [0; 5];
    let start = Instant::now();
    for scene in scenes.iter().cycle() {
        let damage = vec((any::<usize>(), any::<u64>()), 1..4);
        let ended = std::cell::Cell::new(0);
        // A new one each time: it counts the cases that it has passed.
        let outcome = TestRunner::new(config.clone()).run(&damage, |damage| {
            ended.set(run(scene, &damage).map_err(TestCaseError::fail)?);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        codes[usize::try_from(ended.get()).unwrap()] += 1;
        if start.elapsed() > time {
            break;
        }
    }
    println!("exit codes 0 to 4: {codes:?} times");
    assert!(codes[2] + codes[3] > 0, "nothing was damaged: {codes:?}");
}

#[test]
fn damaged_input_ends_with_an_error_that_says_why() {
    damaged_for(Duration::from_secs(5));
}

#[test]
#[ignore = "slow: make faults"]
fn very_much_damaged_input_ends_with_an_error_that_says_why() {
    damaged_for(Duration::from_secs(600));
}
