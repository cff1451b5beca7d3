//! How far runs have come, told while they run and after.

use serde_json::{Value, json};

use crate::{
    harness::{MEASURE, Place, wait_for},
    resume::halfway,
};

fn look(place: &Place, folders: &str) -> Value {
    let output = place.gatecheck(&format!("monitor --once --json {folders}"));
    assert_eq!(output.code, 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn a_run_is_watched_from_its_journal() {
    let place = halfway();
    let seen = look(&place, "out");
    let row = &seen["rows"][0];
    assert_eq!(
        (&row["model"], &row["dataset"], seen["rows"].as_array().unwrap().len()),
        (&json!("model"), &json!("rows"), 1)
    );
    let [done, total] = ["done", "total"].map(|name| row[name].as_u64().unwrap());
    let expected = match row["stage"].as_str().unwrap() {
        "latency" => 2 * 6000,
        "throughput" => 2 * 600,
        other => panic!("{other}"),
    };
    assert!(done > 0 && done <= total && total == expected, "{row}");
    assert!(row["memory_mb"].as_f64().unwrap() > 1.0 && row["rate"].as_f64().unwrap() > 0.0, "{row}");
    let journal = place.journal();
    let lines = place.gatecheck("monitor --once .").stdout;
    assert!(lines.contains("  model on rows: ") && lines.contains("% of "), "{lines}");
    assert_eq!(place.journal(), journal, "who watches writes nothing");
    place.gatecheck("run --resume out");
    let seen = look(&place, "out");
    assert_eq!((&seen["rows"][0]["stage"], &seen["at_work"]), (&json!("done: fail"), &json!(false)));
}

#[test]
fn who_watches_is_in_nobody_s_way() {
    let place =
        Place::scripted(&json!({ "candle": {}, "mlx-q8": { "fail_in": "latency", "fail_by": "hang" } }));
    let mut parent = place.command(MEASURE).spawn().unwrap();
    wait_for(|| place.journal().contains("\"phase\":\"latency\""));
    assert_eq!(look(&place, "out")["at_work"], true);
    parent.kill().unwrap();
    parent.wait().unwrap();
    place.is_left_alone();
}

#[test]
fn a_pipeline_is_watched_from_its_events() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": { "flip_every": 10 } }));
    let command =
        "pipeline --models model,broken --datasets rows.jsonl --mock mock.json --latency-queries 20";
    place.write("broken/config.json", &place.read("model/config.json"));
    place.write("broken/model.safetensors", "no such thing");
    assert_eq!(place.gatecheck(command).code, 3);
    let seen = look(&place, "");
    let stages: Vec<_> = seen["rows"].as_array().unwrap().iter().map(|row| row["stage"].clone()).collect();
    assert_eq!(stages, ["done: fail", "failed"], "{seen}");
    assert!(seen["pipeline"].as_str().unwrap().contains("pipeline --models model,broken"), "{seen}");
    let lines: Vec<_> = seen["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(lines.iter().any(|line| line.starts_with("broken: ")), "{lines:?}");
    assert_eq!(lines.last(), Some(&"the pipeline is through, exit code 3"));
}

#[test]
fn nothing_to_watch_is_said() {
    let output = Place::new().gatecheck("monitor --once");
    assert_eq!(output.code, 0);
    assert!(output.stdout.ends_with(" there is nothing to watch\n"), "{}", output.stdout);
}
