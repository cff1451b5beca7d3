//! Two gatechecks never measure at once.

use std::{
    io::{BufRead, BufReader},
    process::Child,
};

use gatecheck_backend::measure::alone::{Alone, Holder, take};
use serde_json::json;

use crate::harness::{MEASURE, Output, Place};

const REAL: &str = "run --model model --dataset rows.jsonl --limit 30 --latency-queries 3 --threads 1 \
                    --arms candle,candle --out out";

/// The machine in another's hands.
fn taken(place: &Place) -> Alone {
    let holder = Holder { pid: 4711, command: "gatecheck run --model other".to_owned(), since_unix_s: 3_723 };
    take(place.cache(), &holder, &mut |_| panic!("somebody measures")).unwrap().unwrap()
}

/// Reads what the program says up to the line that it waits.
#[track_caller]
fn waits(child: &mut Child) {
    let mut stderr = BufReader::new(child.stderr.as_mut().unwrap());
    let expected =
        "waiting for process 4711 (`gatecheck run --model other`, since 01:02:03 UTC), which is measuring";
    let mut line = String::new();
    while line.trim_end() != expected {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it never waited");
    }
}

#[test]
fn the_second_waits_says_for_whom_and_then_measures() {
    let place = Place::with_model();
    let first = taken(&place);
    let mut second = place.command(REAL).spawn().unwrap();
    waits(&mut second);
    assert!(!place.path("out").exists(), "nothing is begun meanwhile");
    drop(first);
    let code = Output::of(second).code;
    assert!(matches!(code, 0 | 1 | 4), "{code}");
    assert_eq!(place.report()["environment"]["load_before"], json!(null), "that was the other's load");
}

#[test]
fn who_stops_while_it_waits_has_measured_nothing() {
    let place = Place::with_model();
    let _first = taken(&place);
    let mut second = place.command(REAL).spawn().unwrap();
    waits(&mut second);
    crate::failures::signal("INT", second.id());
    assert_eq!(Output::of(second).code, 3);
    assert!(!place.journal().contains("\"block\""));
    place.is_left_alone();
}

#[test]
fn scripted_arms_wait_for_nobody() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": {} }));
    let _first = taken(&place);
    let output = place.gatecheck(MEASURE);
    assert!(output.code != 3 && !output.stderr.contains("waiting"), "{}", output.stderr);
}
