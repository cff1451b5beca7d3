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
pub(crate) fn undisturbed(mut report: Value) -> Value {
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
pub(crate) fn halfway() -> Place {
    let place = two_arms();
    let mut parent = place.command(LONG).spawn().unwrap();
    wait_for(|| place.journal().matches("\"block\":{").count() > 4);
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
    let words = |out: &str| {
        format!(
            "error: another process is measuring into `{out}`\n\nhint: wait for it, or take another `--out`"
        )
    };
    place.refuses(MEASURE, &words("out"));
    place.refuses("run --resume out", &words(&whole_path(&place)));
    let output = place.gatecheck("report out");
    assert!(output.code == 3 && output.stdout.contains("latency p50 (ms)"), "{}", output.stderr);
    let words = "the run is still going on; this is how far it has come, and no report was written\n";
    assert_eq!((output.stderr.as_str(), place.files("out")), (words, vec!["journal.jsonl".to_owned()]));
    crate::failures::signal("INT", parent.id());
    assert_eq!(Output::of(parent).code, 3);
    place.is_left_alone();
}

/// The folder of the reports, from the root on.
fn whole_path(place: &Place) -> String {
    place.path("out").canonicalize().unwrap().display().to_string()
}

#[test]
fn another_gatecheck_does_not_go_on() {
    let place = halfway();
    let version = format!("\"tool_version\":\"{}\"", crate::evidence::version());
    let journal = place.journal();
    assert!(journal.contains(&version), "{version}");
    // What the other version keeps of the request is its own affair; nor is anything prepared.
    let other = journal.replacen(&version, "\"tool_version\":\"9.9.9\"", 1);
    place.write("out/journal.jsonl", &other.replacen("\"working_folder\":", "\"place\":", 1));
    std::fs::remove_dir_all(place.path("model")).unwrap();
    let out = whole_path(&place);
    let words = format!(
        "error: the run in `{out}` began with gatecheck 9.9.9; this is {}\n\nhint: go on with that version, or measure \
         anew: take another `--out`, or remove `{out}/journal.jsonl`",
        crate::evidence::version()
    );
    place.refuses("run --resume out", &words);
}

#[test]
fn a_resumed_run_keeps_its_timeout() {
    for (more, seconds) in [("", 2), ("--timeout 1", 1)] {
        let script = json!({ "candle": {}, "mlx-q8": { "fail_in": "latency", "fail_by": "hang" } });
        let place = Place::scripted(&script);
        let mut parent = place.command(&format!("{MEASURE} --timeout 2")).spawn().unwrap();
        wait_for(|| place.journal().contains("{\"block\":{\"arm\":0,"));
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert!(!place.journal().contains("{\"failed\":"), "it was killed too late");
        assert_eq!(place.gatecheck(&format!("run --resume out {more}")).code, 3);
        let message = format!("the worker gave no answer within {seconds} s");
        assert_eq!(place.record()["arms"][1]["failure"]["message"], message);
    }
}

#[test]
fn what_changed_meanwhile_is_named() {
    let place = halfway();
    let refused = |what: &str| {
        let expected =
            format!("error: {what} changed since the run in `out` began\n\nhint: bring back what was there");
        let output = place.gatecheck("run --resume out");
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.replace(&whole_path(&place), "out").contains(&expected), "{}", output.stderr);
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
    for folder in [None, Some("../out")] {
        let place = halfway();
        place.write("elsewhere/file", "");
        let folder = folder.map_or_else(|| whole_path(&place), str::to_owned);
        let output = Output::of({
            let mut command = place.command(&format!("run --resume {folder}"));
            command.current_dir(place.path("elsewhere")).spawn().unwrap()
        });
        assert_eq!(output.code, 1, "{}", output.stderr);
        assert_eq!(place.report()["model"]["source"], "model");
        assert_eq!(place.journal(), "");
    }
}
