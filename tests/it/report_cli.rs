//! `report`: everything again from what was measured.

use serde_json::{Value, json};

use crate::harness::Place;

/// A finished run in `out`.
fn finished() -> Place {
    let place =
        Place::scripted(&json!({ "candle": { "ns_per_call": 3_000_000 }, "mlx-q8": { "flip_every": 100 } }));
    assert_eq!(place.measure("").code, 4);
    place
}

#[test]
fn every_format_is_rendered_again_to_the_byte() {
    let place = finished();
    let names = ["junit.xml", "report.csv", "report.json", "report.md"];
    let before = names.map(|name| place.read(&format!("out/{name}")));
    names.iter().for_each(|name| std::fs::remove_file(place.path(&format!("out/{name}"))).unwrap());
    // Nothing but the record is needed.
    std::fs::remove_dir_all(place.path("model")).unwrap();
    let output = place.gatecheck("report out");
    assert_eq!(output.code, 4, "{}", output.stderr);
    assert_eq!(names.map(|name| place.read(&format!("out/{name}"))), before);
}

#[test]
fn the_table_is_that_of_the_run() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": {} }));
    let measured = place.measure("").stdout;
    assert_eq!(place.gatecheck("report out").stdout, measured);
}

#[test]
fn other_limits_give_another_verdict() {
    let place = finished();
    assert_eq!(place.gatecheck("report out --max-accuracy-drop 0.05").code, 0);
    assert_eq!(place.gatecheck("report out --max-accuracy-drop 0.001").code, 1);
    assert_eq!(place.gatecheck("report out --max-accuracy-drop 0.05 --speed-on any --min-speedup 9").code, 1);
    assert_eq!(place.gatecheck("report out").code, 4);
}

#[test]
fn json_goes_to_standard_output() {
    let place = finished();
    let output = place.gatecheck("report out --json --quiet");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((report["exit_code"].as_i64(), output.stderr.as_str()), (Some(4), ""));
}

#[test]
fn what_is_no_record_is_refused() {
    let place = Place::new();
    let read = |text: &str| {
        place.write("out/record.json", text);
        let output = place.gatecheck("report out");
        assert_eq!((output.code, output.stdout.as_str()), (2, ""));
        output.stderr
    };
    assert!(read("{}").starts_with("error: `out/record.json` is not a record: no `schema_version`\n"));
    assert!(
        read("{\"schema_version\": 1,").starts_with("error: `out/record.json` is not a record: EOF while")
    );
    assert!(read("{\"schema_version\": 1}").contains("missing field"));
    assert_eq!(
        read("{\"schema_version\": 99}"),
        "error: `out/record.json` has format version 99; this program reads 1 to 4\n\nhint: use the version of \
         gatecheck that measured it (`tool_version`)\n"
    );
}

#[test]
fn a_folder_without_a_record_is_refused() {
    Place::new().refuses(
        "report out",
        "error: failed to read `out/record.json`\n  caused by: No such file or directory (os error 2)\n\nhint: give \
         the folder that `gatecheck run --out` wrote",
    );
}
