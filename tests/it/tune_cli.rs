//! `tune`: the smallest recipe that keeps the gate, as a user asks for it.

use std::{
    collections::BTreeSet,
    process::Child,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::harness::{Output, Place};

const TUNE: &str = "tune --model model --dataset rows.jsonl --bits 4,8 --group-size 32 --examples 40 --threads 1 \
                    --latency-queries 3 --out out";
/// Any drop is allowed.
const LOOSE: &str = "--max-accuracy-drop 1";

fn lines(place: &Place) -> Vec<String> {
    let text = std::fs::read_to_string(place.path("out/tune.jsonl")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Starts it, and waits until so many lines are in the journal.
#[track_caller]
fn started(place: &Place, count: usize) -> Child {
    let mut child = place.command(&format!("{TUNE} {LOOSE}")).spawn().unwrap();
    let start = Instant::now();
    while lines(place).len() < count && child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn bits(row: &Value) -> Vec<u64> {
    serde_json::from_value(row["bits"].clone()).unwrap()
}

#[test]
fn the_recipe_found_is_chosen_by_one_half_and_judged_on_the_other() {
    let place = Place::with_model();
    let output = place.gatecheck(&format!("{TUNE} {LOOSE}"));
    assert!(matches!(output.code, 0 | 4), "{}", output.stderr);
    assert!(output.stdout.starts_with("Found: ") && output.stdout.contains("| tuned |"), "{}", output.stdout);
    assert_eq!(
        place.files("out"),
        ["front.svg", "model-mlx-tuned", "tune.json", "tune.jsonl", "tune.md", "tuned.yaml", "unseen"]
    );
    let tuning = place.json("out/tune.json");
    let [calibration, unseen] =
        ["examples_calibration", "examples_unseen"].map(|name| tuning[name].as_u64().unwrap());
    assert!(calibration + unseen == 600 && calibration > 200 && unseen > 200, "{calibration} and {unseen}");
    let judged = tuning["calibration"].as_array().unwrap().len();
    assert_eq!(place.read("out/front.svg").matches("<path class=\"pass\"").count(), judged);
    // Everything passes, so the smallest recipe there is was found: 4 bits for all.
    let tuned = &tuning["unseen"][0];
    assert_eq!((&tuned["name"], tuned["quality"]["verdict"].as_str()), (&"tuned".into(), Some("pass")));
    assert!(bits(tuned).iter().all(|bits| *bits == 4), "{tuned}");
    let groups = tuning["groups"].as_array().unwrap();
    assert_eq!(bits(tuned).len(), groups.len());
    let words = groups.iter().find(|group| group["name"].as_str().unwrap().ends_with("word_embeddings"));
    let added: Vec<f64> = serde_json::from_value(words.unwrap()["added_drift"].clone()).unwrap();
    assert!(added[0] > added[1] && added[1] > added[2] && added[2] == 0.0, "{added:?}");
    // The record of the other half says which rows they are, and the size gate held.
    let report = place.json("out/unseen/report.json");
    assert_eq!(report["dataset"]["split"], "all[unseen]");
    assert_eq!(report["dataset"]["rows"], unseen);
    let size = report["gates"].as_array().unwrap().iter().find(|gate| gate["gate"] == "size").unwrap();
    assert_eq!((&size["arm"], &size["verdict"]), (&"tuned".into(), &"pass".into()));
    // What was measured of the recipe by the search is what the run measured.
    let [baseline, candidate] =
        [0, 1].map(|arm| crate::harness::metric(&report, arm, "accuracy")["value"].as_f64().unwrap());
    let drop = tuned["quality"]["drop"].as_f64().unwrap();
    assert!((baseline - candidate - drop).abs() < 1e-12, "{baseline} − {candidate} and {drop}");
    assert_eq!(
        tuned["size_bytes"],
        report["arms"][1]["size_bytes"].as_u64().unwrap_or_else(|| {
            (crate::harness::metric(&report, 1, "size_mb")["value"].as_f64().unwrap() * 1e6).round() as u64
        })
    );
    // The recipe file makes the same artefact, and nothing is measured twice.
    let output = place.gatecheck("convert --model model --recipe out/tuned.yaml --output-dir models");
    assert_eq!(output.code, 0, "{}", output.stderr);
    let [theirs, ours] = ["models/model-mlx-tuned", "out/model-mlx-tuned"]
        .map(|folder| std::fs::read(place.path(folder).join("model.safetensors")).unwrap());
    assert!(theirs == ours);
    let before = lines(&place);
    assert!(matches!(place.gatecheck(&format!("{TUNE} {LOOSE}")).code, 0 | 4));
    assert_eq!((lines(&place), place.json("out/tune.json")), (before, tuning));
}

#[test]
fn one_that_is_killed_goes_on() {
    let whole = Place::with_model();
    assert!(matches!(whole.gatecheck(&format!("{TUNE} {LOOSE}")).code, 0 | 4));
    let place = Place::with_model();
    for stop_at in [2, 5, 11] {
        let mut child = started(&place, stop_at);
        child.kill().unwrap();
        Output::of(child);
        place.is_left_alone();
    }
    let before = lines(&place).len();
    assert!(before < lines(&whole).len(), "it was over before it was killed");
    let output = place.gatecheck(&format!("{TUNE} {LOOSE}"));
    assert!(matches!(output.code, 0 | 4), "{}", output.stderr);
    assert_eq!(place.json("out/tune.json"), whole.json("out/tune.json"));
    assert_eq!(place.read("out/tuned.yaml"), whole.read("out/tuned.yaml"));
    let key = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        format!("{}{}", line["rows"], line["bits"])
    };
    let all = lines(&place);
    assert_eq!(all.iter().map(key).collect::<BTreeSet<_>>().len(), all.len(), "nothing is measured twice");
}

#[test]
fn an_interrupt_keeps_the_best_so_far() {
    let place = Place::with_model();
    let child = started(&place, 4);
    crate::failures::signal("INT", child.id());
    let output = Output::of(child);
    assert_eq!(output.code, 4, "{}", output.stderr);
    assert!(
        output.stderr.ends_with(
            "stopped by the user; the same command goes on; the best recipe so far is `out/tuned.yaml`\n"
        ),
        "{}",
        output.stderr
    );
    assert_eq!(place.gatecheck("convert --model model --recipe out/tuned.yaml").code, 0);
    place.is_left_alone();
    assert!(!place.path("out/.trial").exists());
}

#[test]
fn where_no_recipe_is_sure_none_is_named() {
    let place = Place::with_model();
    let output = place.gatecheck(&format!("{TUNE} --limit 9 --max-accuracy-drop 0.001"));
    assert_eq!((output.code, output.stdout.as_str()), (4, ""), "{}", output.stderr);
    assert!(
        output.stderr.contains("no recipe was found: none is sure to keep the gate"),
        "{}",
        output.stderr
    );
    assert!(!place.path("out/tuned.yaml").exists() && !place.path("out/unseen").exists());
    assert!(place.read("out/tune.md").contains("None was found."));
}

#[test]
fn what_cannot_be_tuned_is_refused() {
    let place = Place::with_model();
    let refused = |arguments: &str, words: &str| {
        let output = place.gatecheck(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    };
    refused(&TUNE.replace("4,8", "4,7"), "error: cannot quantize to 7 bits");
    refused(&TUNE.replace("4,8", "16"), "error: there are no bits to choose from");
    refused(&TUNE.replace("32", "48"), "cannot quantize in groups of 48");
    refused(&format!("{TUNE} --split all[unseen]"), "`--split` names a half");
    refused(&TUNE.replace("rows.jsonl", "mnil"), "mnil");
    assert!(!place.path("out").exists(), "nothing was begun");
    place.write("one.jsonl", place.read("rows.jsonl").lines().next().unwrap());
    refused(&TUNE.replace("rows.jsonl", "one.jsonl"), "has no rows for the ");
    // What lies where recipes are tried out is not theirs to remove.
    place.write("out/.trial/precious", "");
    refused(TUNE, "`out/.trial` ");
    assert!(place.path("out/.trial/precious").exists());
    std::fs::remove_dir_all(place.path("out")).unwrap();
    // A folder of another tuning is left as it is.
    place.gatecheck(&format!("{TUNE} --limit 9 --max-accuracy-drop 0.001"));
    let before = lines(&place);
    refused(&format!("{TUNE} --limit 8 --max-accuracy-drop 0.001"), "holds a tuning of another model");
    assert_eq!(lines(&place), before);
}
