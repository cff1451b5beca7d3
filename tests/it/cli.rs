//! The program itself: help, lists, pipes, wrong words.

use std::io::{BufRead, BufReader};

use crate::{
    evidence::version,
    harness::{Output, Place},
};

const COMMANDS: [&str; 7] = ["run", "convert", "demo", "models", "datasets", "report", "doctor"];

#[test]
fn every_command_has_help() {
    let place = Place::new();
    for command in COMMANDS {
        let Output { code, stdout, stderr } = place.gatecheck(&format!("{command} --help"));
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert!(stdout.contains(&format!("Usage: gatecheck {command}")), "{stdout}");
    }
    let help = place.gatecheck("--help").stdout;
    assert!(COMMANDS.iter().all(|command| help.contains(&format!("\n  {command} "))), "{help}");
    let usage =
        "Usage: gatecheck run [OPTIONS] --model <NAME|FOLDER|HUB_ID>\n       gatecheck run --resume <DIR> ";
    let run = place.gatecheck("run --help").stdout;
    assert!(run.contains(usage), "{run}");
    // For the program alone.
    assert!(!help.contains("__worker") && !run.contains("--mock"));
}

#[test]
fn words_that_are_no_arguments() {
    let place = Place::new();
    for (arguments, words) in [
        ("run --modell x", "a similar argument exists: '--model'"),
        ("conver", "a similar subcommand exists: 'convert'"),
        ("run --dataset mnli", "--model <NAME|FOLDER|HUB_ID>"),
        ("run --model x --limit 0", "0 is not in 1.."),
        ("run --model x --speed-on moon", "[possible values: accelerator, any]"),
    ] {
        let Output { code, stdout, stderr } = place.gatecheck(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments}");
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[test]
fn models_are_listed() {
    let place = Place::new();
    let own = "models: [{ name: mine, hf_name: org/mine, quantization: { bits: 4, target_size_mb: 20 }, benchmarks: [mnli, sst2] }]";
    place.write("own.yaml", own);
    let output = place.gatecheck("models --config own.yaml");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = output.stdout.lines().map(cells).collect();
    let header = [
        "name",
        "Hub id",
        "task",
        "architecture",
        "bits",
        "target size",
        "benchmarks",
        "cached",
        "converted",
        "configured in",
    ];
    assert_eq!(lines[0], header);
    let mine = ["mine", "org/mine", "–", "–", "4", "20 MB", "mnli sst2", "–", "–", "own.yaml, line 1"];
    assert_eq!(lines.last().unwrap(), &mine);
    let known = lines.iter().find(|cells| cells[0] == "all-MiniLM-L6-v2").unwrap();
    assert!(known.last().unwrap().starts_with("built-in models.yaml, line "), "{known:?}");
}

/// The cells of a line; columns are two spaces apart at least.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn datasets_are_listed() {
    let output = Place::new().gatecheck("datasets");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = output.stdout.lines().map(cells).collect();
    let header =
        ["name", "source", "task", "columns", "labels", "split", "other splits", "cached", "configured in"];
    assert_eq!(lines[0], header);
    let line = |name: &str| lines.iter().find(|cells| cells[0] == name).unwrap();
    let mnli = [
        "nyu-mll/glue (mnli)",
        "natural-language-inference",
        "premise hypothesis label",
        "entailment neutral contradiction",
        "validation_matched",
        "validation_mismatched train",
        "–",
    ];
    assert_eq!(line("mnli")[1..8], mnli);
    assert_eq!(line("stsb")[2..5], ["sentence-similarity", "sentence1 sentence2 label", "–"]);
    assert_eq!(line("ag_news")[2], "zero-shot-classification");
}

#[test]
fn listings_are_json_when_asked_for() {
    let place = Place::new();
    place.write("rows.csv", "text,label\nw1,a\n");
    place.write("own.yaml", "datasets: { own: { provider: local, name: rows.csv, splits: { test: all } } }");
    let json = |arguments: &str| -> serde_json::Value {
        let output = place.gatecheck(arguments);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
        serde_json::from_str(&output.stdout).unwrap()
    };
    let datasets = json("datasets --json --config own.yaml");
    let own = datasets["datasets"].as_array().unwrap().iter().find(|it| it["name"] == "own").unwrap();
    assert_eq!((&own["provider"], &own["split"]), (&"local".into(), &"all".into()));
    assert_eq!((&own["cached"][0]["name"], &own["cached"][0]["size_mb"]), (&"all".into(), &1.6e-5.into()));
    let models = json("models --json");
    assert_eq!(models["models"].as_array().unwrap().len(), 14);
    assert_eq!(models["models"][0]["cached"], serde_json::Value::Null);
    assert_eq!(models["models"][0]["converted"], serde_json::json!([]));
}

#[test]
fn doctor_tells_of_the_machine() {
    let output = Place::new().gatecheck("doctor");
    assert!(output.stdout.starts_with(&format!("gatecheck {}\nsystem ", version())));
    assert!(output.stdout.contains("\nvirtual "), "{}", output.stdout);
}

fn arms_built_in() -> &'static [&'static str] {
    if cfg!(feature = "mlx") { &["candle", "mlx"] } else { &["candle"] }
}

#[test]
fn doctor_tries_every_arm() {
    let output = Place::new().gatecheck("doctor");
    assert_eq!(output.code, 0, "{}", output.stderr);
    let after =
        |start: &str| output.stdout.split(start).nth(1).unwrap_or_else(|| panic!("{}", output.stdout));
    let gigaflops: f64 = after("\nproducts  ").split(' ').next().unwrap().parse().unwrap();
    assert!(gigaflops >= 1.0);
    let floor = after("its matrix products alone take ").split(' ').next().unwrap().parse::<u32>().unwrap();
    assert!((1..=150).contains(&floor), "{floor}");
    for arm in arms_built_in() {
        let line = after(&format!("\n{arm:9} works: ")).lines().next().unwrap();
        assert!(line.starts_with(if arm == &"candle" { "candle-core " } else { "MLX " }), "{line}");
        assert!(line.ends_with("% of that rate"), "{line}");
    }
}

#[test]
fn demo_needs_nothing_but_the_program() {
    let place = Place::new();
    let output = place.gatecheck("demo --limit 30 --latency-queries 3 --threads 1");
    assert!(matches!(output.code, 0 | 1 | 4), "{}", output.stderr);
    let files =
        ["files", "junit.xml", "record.json", "record.safetensors", "report.csv", "report.json", "report.md"];
    assert_eq!(place.files("reports/demo"), files);
    assert_eq!(place.gatecheck("report reports/demo").code, output.code);
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let place = Place::new();
    let mut child = place.command("models").spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = Output::of(child);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert!(line.starts_with("name "), "{line}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_shown_is_a_failure() {
    let place = Place::scripted(&serde_json::json!({ "candle": {}, "mlx-q8": { "flip_every": 10 } }));
    for command in ["models", "datasets --json", "doctor", crate::harness::MEASURE, "report out"] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = Output::of(place.command(command).stdout(full).spawn().unwrap());
        assert_eq!(output.code, 3, "{command}: {}", output.stderr);
        let words = "error: failed to write to standard output: No space left on device (os error 28)\n";
        assert!(output.stderr.ends_with(words), "{command}: {}", output.stderr);
    }
    assert_eq!(place.report()["verdict"], "fail");
}

#[test]
fn a_closed_pipe_changes_no_verdict() {
    let place = Place::scripted(&serde_json::json!({ "candle": {}, "mlx-q8": { "flip_every": 10 } }));
    let mut child = place.command(crate::harness::MEASURE).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(Output::of(child).code, 1);
}

#[test]
fn a_worker_without_a_parent_ends() {
    let output = Place::new().gatecheck("__worker");
    assert_eq!(output.code, 0);
    assert!(output.stdout.contains("gatecheck-worker"));
}
