//! Workers that die, hang or give nonsense, and users who stop a run: what was measured is kept, and
//! nothing is left running.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{MEASURE, Output, Place, metric, rows, wait_for};

const PHASES: [&str; 4] = ["load", "warm-up", "latency", "throughput"];

/// The candidate fails in `phase` by `kind`; the baseline is well.
fn failing(phase: &str, kind: &str) -> Place {
    Place::scripted(&json!({ "candle": {}, "mlx-q8": { "fail_in": phase, "fail_by": kind } }))
}

/// Measures, and checks all that holds of every failure. Returns the failure's message.
fn message(phase: &str, kind: &str, more: &str) -> String {
    let place = failing(phase, kind);
    let output = place.measure(more);
    assert_eq!(output.code, 3, "{phase} {kind}: {}", output.stderr);
    place.is_left_alone();
    let record = place.record();
    let [baseline, candidate] = [&record["arms"][0], &record["arms"][1]];
    assert_eq!((&baseline["failure"], &record["interrupted"]), (&Value::Null, &json!(false)));
    assert_eq!([baseline["latency"].as_array().unwrap().len(), count(&baseline["measured"])], [20, 600]);
    assert_eq!(candidate["failure"]["phase"], phase, "{kind}");
    assert!(place.report()["gates"].as_array().unwrap().iter().all(|gate| gate["verdict"] == "error"));
    let message = candidate["failure"]["message"].as_str().unwrap().to_owned();
    let line = format!("error: arm `mlx-q8` failed in {phase}: {message}");
    assert!(output.stderr.contains(&line), "{}", output.stderr);
    message
}

/// How many of a list of truths are true.
fn count(list: &Value) -> usize {
    list.as_array().unwrap().iter().filter(|one| **one == true).count()
}

#[test]
fn a_killed_worker_costs_its_own_arm_only() {
    for phase in PHASES {
        assert_eq!(message(phase, "kill", ""), "the worker process ended unexpectedly (signal: 9 (SIGKILL))");
    }
}

#[test]
fn an_aborting_worker_costs_its_own_arm_only() {
    for phase in PHASES {
        let message = message(phase, "abort", "");
        assert!(
            message.starts_with("the worker process ended unexpectedly (signal: 6 (SIGABRT)"),
            "{message}"
        );
    }
}

#[test]
fn a_silent_worker_is_given_up() {
    std::thread::scope(|scope| {
        for (phase, kind) in PHASES.iter().flat_map(|phase| [(phase, "hang"), (phase, "stop")]) {
            scope.spawn(move || {
                assert_eq!(message(phase, kind, "--timeout 1"), "the worker gave no answer within 1 s");
            });
        }
    });
}

#[test]
fn an_error_is_told_in_the_worker_s_words() {
    for phase in PHASES {
        assert_eq!(message(phase, "error", ""), format!("mock failed: the script fails in {phase}"));
    }
}

#[test]
fn nan_is_a_failure() {
    for (phase, rows) in [("warm-up", 30), ("latency", 1), ("throughput", 30)] {
        let expected = format!("output 0 of row 0 in a batch of {rows} is NaN");
        assert_eq!(message(phase, "nan", ""), expected);
    }
}

#[test]
fn what_a_worker_said_last_is_kept() {
    let place = failing("throughput", "panic");
    assert_eq!(place.measure("").code, 3);
    let stderr = place.record()["arms"][1]["failure"]["stderr"].as_str().unwrap().to_owned();
    assert!(stderr.contains("the script panics in throughput"), "{stderr}");
}

#[test]
fn a_failing_baseline_leaves_the_candidate() {
    let place =
        Place::scripted(&json!({ "candle": { "fail_in": "latency", "fail_by": "kill" }, "mlx-q8": {} }));
    assert_eq!(place.measure("").code, 3);
    let record = place.record();
    assert_eq!(count(&record["arms"][1]["measured"]), 600);
    assert_eq!(metric(&place.report(), 1, "accuracy")["value"], 0.9);
}

#[test]
fn when_every_arm_fails_there_is_still_a_report() {
    let broken = json!({ "fail_in": "load", "fail_by": "abort" });
    let place = Place::scripted(&json!({ "candle": broken, "mlx-q8": broken }));
    assert_eq!(place.measure("").code, 3);
    assert_eq!(place.report()["verdict"], "error");
    assert_eq!(place.gatecheck("report out").code, 3);
}

#[test]
fn a_late_failure_keeps_what_came_before() {
    let place = failing("throughput", "kill");
    place.measure("");
    let report = place.report();
    assert_eq!(metric(&report, 1, "latency_p50_ms")["n"], 20);
    assert_eq!(report["arms"][1]["failure"]["phase"], "throughput");
}

/// Starts a run whose candidate hangs in `phase`, and waits until parent and both workers are there and the baseline
/// is done with what comes before.
#[cfg(unix)]
fn hanging(phase: &str) -> (Place, std::process::Child) {
    silent(phase, "hang")
}

/// The same, of a candidate that falls silent in a way of its own.
#[cfg(unix)]
fn silent(phase: &str, kind: &str) -> (Place, std::process::Child) {
    let place = failing(phase, kind);
    let parent = place.command(MEASURE).spawn().unwrap();
    let before = match phase {
        "load" => "{\"session\":{\"arm\":0,".to_owned(),
        "warm-up" => "{\"phase\":\"warm-up\"}".to_owned(),
        phase => format!("{{\"block\":{{\"arm\":0,\"phase\":\"{phase}\""),
    };
    wait_for(|| place.journal().contains(&before) && place.processes().len() == 3);
    (place, parent)
}

#[cfg(unix)]
pub(crate) fn signal(name: &str, process: u32) {
    let arguments = [format!("-{name}"), process.to_string()];
    assert!(Command::new("kill").args(arguments).status().unwrap().success());
}

#[test]
#[cfg(unix)]
fn ctrl_c_keeps_what_was_measured() {
    for (phase, queries) in [("load", 0), ("warm-up", 0), ("throughput", 20)] {
        let (place, parent) = hanging(phase);
        signal("INT", parent.id());
        let output = Output::of(parent);
        let line = "stopped by the user; what was measured is in out, and `gatecheck run --resume out` goes on with it\n";
        assert!(output.stderr.ends_with(line), "{}", output.stderr);
        assert_eq!(place.report()["exit_code"], output.code, "{phase}: {}", output.stderr);
        assert_eq!(place.gatecheck("report out").code, output.code, "{phase}");
        place.is_left_alone();
        let record = place.record();
        assert_eq!(record["interrupted"], true);
        assert_eq!(record["arms"][0]["latency"].as_array().map_or(0, Vec::len), queries);
        assert_eq!([&record["arms"][0]["failure"], &record["arms"][1]["failure"]], [&Value::Null; 2]);
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_leaves_later_datasets_alone() {
    let place = failing("latency", "hang");
    place.write("more.jsonl", &rows(30));
    let command = MEASURE.replace("--dataset rows.jsonl", "--dataset rows.jsonl --dataset more.jsonl");
    let parent = place.command(&command).spawn().unwrap();
    wait_for(|| place.processes().len() == 3);
    signal("INT", parent.id());
    let output = Output::of(parent);
    let words = "stopped by the user; what was measured is in out/rows, and `gatecheck run --resume out/rows` goes on \
                 with it\nnot measured: more\n";
    assert!(output.stderr.ends_with(words), "{}", output.stderr);
    assert_eq!(place.files("out"), ["rows"]);
    assert_eq!(place.json("out/rows/report.json")["exit_code"], output.code);
    place.is_left_alone();
}

#[test]
fn a_cell_that_cannot_be_written_leaves_the_others() {
    let place = failing("load", "kill");
    place.write("more.jsonl", &rows(30));
    place.write("mock.json", &json!({ "candle": {}, "mlx-q8": {} }).to_string());
    // A folder where the record of the first cell should be: no file can take its place.
    place.write("out/rows/record.json/file", "");
    let command = MEASURE.replace("--dataset rows.jsonl", "--dataset rows.jsonl --dataset more.jsonl");
    let output = place.gatecheck(&command);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(output.stderr.contains("error: failed to write `out/rows/record.json`"), "{}", output.stderr);
    let hint = "hint: make room there, then go on with `gatecheck run --resume out/rows`\n";
    assert!(output.stderr.contains(hint), "{}", output.stderr);
    std::fs::remove_dir_all(place.path("out/rows/record.json")).unwrap();
    let output = place.gatecheck("run --resume out/rows");
    assert!(place.files("out/rows").contains(&"record.json".to_owned()), "{}", output.stderr);
    assert_eq!(place.json("out/more/report.json")["arms"].as_array().unwrap().len(), 2);
}

#[test]
#[cfg(unix)]
fn sigterm_is_as_ctrl_c() {
    let (place, parent) = silent("latency", "stop");
    signal("TERM", parent.id());
    let code = Output::of(parent).code;
    assert_eq!(place.record()["interrupted"], true);
    assert_eq!(place.report()["exit_code"], code);
    assert_ne!(code, 0);
    place.is_left_alone();
}

#[test]
#[cfg(unix)]
fn workers_end_with_their_parent() {
    // The baseline's listens; the candidate's hangs or was stopped, and hears nothing any more.
    for (phase, kind) in PHASES.into_iter().zip(["hang", "stop", "hang", "stop"]) {
        let (place, mut parent) = silent(phase, kind);
        parent.kill().unwrap();
        parent.wait().unwrap();
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!(place.processes(), [0; 0]);
    }
}

#[test]
#[cfg(unix)]
fn a_folder_that_vanishes_under_a_run_is_a_failure() {
    let (place, parent) = hanging("latency");
    std::fs::remove_dir_all(place.path("out")).unwrap();
    signal("INT", parent.id());
    let output = Output::of(parent);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(output.stderr.contains("error: failed to open `out/journal.jsonl`"), "{}", output.stderr);
}

#[test]
#[cfg(unix)]
fn a_full_disk_costs_no_more_than_a_block() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": { "flip_every": 10 } }));
    let long = MEASURE.replace("--latency-queries 20", "--latency-queries 6000");
    // No file may grow beyond 100 KiB: what is planned fits, the journal does not.
    let gatecheck = place.command(&long);
    let mut full = Command::new("bash");
    full.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""]);
    full.arg(gatecheck.get_program()).args(gatecheck.get_args()).current_dir(place.path(""));
    let output = full.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let words = "error: the run in `out` could not be finished\n  caused by: failed to write `out/journal.jsonl`\n  \
                 caused by: File too large (os error 27)\n\nhint: make room there, then go on with `gatecheck run \
                 --resume out`\n";
    assert!(stderr.ends_with(words), "{stderr}");
    assert!(place.journal().contains("{\"block\":{"));
    assert_eq!(place.gatecheck("run --resume out").code, 1);
    assert_eq!(place.record()["arms"][0]["latency"].as_array().unwrap().len(), 6000);
}

#[test]
fn a_record_is_whole_or_absent() {
    let place = failing("latency", "kill");
    place.measure("");
    let expected =
        ["junit.xml", "record.json", "record.safetensors", "report.csv", "report.json", "report.md"];
    assert_eq!(place.files("out"), expected);
}
