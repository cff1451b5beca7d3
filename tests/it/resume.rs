//! Runs that are killed at any moment and go on: nothing is lost but the block in flight, and nothing of
//! what was there is taken for what it is not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{MEASURE, Output, Place, metric, wait_for};

/// A run of enough calls that a kill finds it at work.
const LONG: &str =
    "run --model model --dataset rows.jsonl --mock mock.json --batch-size 3 --latency-queries 6000 --out out";

fn two_arms() -> Place {
    Place::scripted(&json!({ "candle": { "ns_per_call": 3_000_000 }, "mlx-q8": { "flip_every": 10 } }))
}

/// A report without times and readings of the machine.
fn undisturbed(mut report: Value) -> Value {
    for name in ["started_unix_s", "wall_s", "environment", "warnings"] {
        report[name] = Value::Null;
    }
    for arm in report["arms"].as_array_mut().unwrap() {
        let of_memory = |metric: &Value| metric["id"].as_str().unwrap().starts_with("memory_");
        arm["metrics"].as_array_mut().unwrap().retain(|metric| !of_memory(metric));
    }
    report
}

/// Starts a run and kills it after a while. Returns whether it was still at work.
fn killed_after(place: &Place, arguments: &str, while_ms: u64) -> bool {
    let mut parent = place.command(arguments).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(while_ms));
    let was_at_work = parent.try_wait().unwrap().is_none();
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for(|| place.processes().is_empty());
    was_at_work
}

#[test]
fn a_run_killed_again_and_again_ends_as_an_undisturbed_one() {
    let whole = two_arms();
    let code = whole.gatecheck(LONG).code;
    let expected = undisturbed(whole.report());
    let place = halfway();
    let (mut kills, mut ways) = (0, 0);
    while place.path("out/journal.jsonl").exists() {
        // Longer every time, or a slow machine would never get through its warm-up.
        ways += 1;
        kills += usize::from(killed_after(&place, "run --resume out", 150 + 50 * ways));
    }
    assert!(kills >= 1, "it was never killed again");
    let output = place.gatecheck("run --resume out");
    assert_eq!(output.code, code, "{}", output.stderr);
    assert!(output.stderr.contains("the run is finished; nothing is left to measure"), "{}", output.stderr);
    assert_eq!(undisturbed(place.report()), expected);
    place.is_left_alone();
}

/// A run of which the first half is measured.
fn halfway() -> Place {
    let place = two_arms();
    let mut parent = place.command(LONG).spawn().unwrap();
    let journal = place.path("out/journal.jsonl");
    wait_for(|| std::fs::read_to_string(&journal).is_ok_and(|text| text.matches("\"block\":{").count() > 4));
    parent.kill().unwrap();
    parent.wait().unwrap();
    place.is_left_alone();
    place
}

#[test]
fn what_was_measured_before_a_kill_is_shown_and_kept() {
    let place = halfway();
    let output = place.gatecheck("report out");
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(output.stderr.ends_with("the run is unfinished; `gatecheck run --resume out` goes on with it\n"));
    let report = place.report();
    assert_eq!((&report["interrupted"], &report["verdict"]), (&json!(true), &json!("error")));
    assert!(metric(&report, 0, "latency_p50_ms")["n"].as_u64().unwrap() > 0);
    assert_eq!(place.gatecheck("run --resume out").code, 1);
    assert_eq!(place.report()["interrupted"], false);
    let files = ["junit.xml", "record.json", "record.safetensors", "report.csv", "report.json", "report.md"];
    assert_eq!(place.files("out"), files);
}

#[test]
fn a_fresh_run_does_not_overwrite_an_unfinished_one() {
    let place = halfway();
    let before = place.read("out/journal.jsonl");
    place.refuses(
        MEASURE,
        "error: `out` holds an unfinished run\n\nhint: go on with `gatecheck run --resume out`, take another `--out`, \
         or remove `out/journal.jsonl` to start afresh",
    );
    assert_eq!(place.read("out/journal.jsonl"), before);
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let place =
        Place::scripted(&json!({ "candle": {}, "mlx-q8": { "fail_in": "latency", "fail_by": "hang" } }));
    let parent = place.command(MEASURE).spawn().unwrap();
    wait_for(|| place.path("out/journal.jsonl").exists() && place.processes().len() == 3);
    let words =
        "error: another process is measuring into `out`\n\nhint: wait for it, or take another `--out`";
    place.refuses(MEASURE, words);
    place.refuses("run --resume out", words);
    crate::failures::signal("INT", parent.id());
    assert_eq!(Output::of(parent).code, 3);
    place.is_left_alone();
}

#[test]
fn what_changed_meanwhile_is_named() {
    let place = halfway();
    let refused = |what: &str| {
        let expected =
            format!("error: {what} changed since the run in `out` began\n\nhint: bring back what was there");
        let output = place.gatecheck("run --resume out");
        assert_eq!(output.code, 2, "{}", output.stderr);
        let out = place.path("out").canonicalize().unwrap().display().to_string();
        assert!(output.stderr.replace(&out, "out").contains(&expected), "{}", output.stderr);
    };
    let rows = place.read("rows.jsonl");
    place.write("rows.jsonl", &rows.replacen("entailment", "neutral", 1));
    refused("the dataset");
    place.write("rows.jsonl", &rows);
    let config = place.read("model/config.json");
    place.write("model/config.json", &format!("{config} "));
    refused("the model");
    place.write("model/config.json", &config);
    assert_eq!(place.gatecheck("run --resume out").code, 1);
}

#[test]
fn resume_stands_alone() {
    let place = two_arms();
    let output = place.gatecheck("run --resume out --model model");
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("'--resume <DIR>' cannot be used with"), "{}", output.stderr);
    place.refuses(
        "run --resume out",
        "error: failed to read `out/record.json`\n  caused by: No such file or directory (os error 2)\n\nhint: give \
         the folder that `gatecheck run --out` wrote",
    );
    let output = place.gatecheck("run --dataset rows.jsonl");
    assert!(output.code == 2 && output.stderr.contains("--model"), "{}", output.stderr);
}

#[test]
fn a_run_goes_on_from_anywhere() {
    let place = halfway();
    let out = place.path("out");
    let output = Output::of({
        let mut command = place.command(&format!("run --resume {}", out.display()));
        command.current_dir(std::env::temp_dir()).spawn().unwrap()
    });
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert_eq!(place.report()["model"]["source"], "model");
}
