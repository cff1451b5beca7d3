//! Many models on many datasets: planned first, kept when measured, gone on with when killed, and one that fails
//! leaves the others alone.

use serde_json::{Value, json};

use crate::{
    harness::{Output, Place, rows, wait_for},
    resume::undisturbed,
    tiny_model::{TinyModel, WORDS},
};

/// Scripted arms, few queries.
const PIPELINE: &str = "pipeline --models model,other --datasets rows,more --config two.yaml --mock mock.json \
                        --batch-size 30 --latency-queries 20";

/// Two models of their own weights, and two datasets.
fn place() -> Place {
    let place =
        Place::scripted(&json!({ "candle": { "ns_per_call": 3_000_000 }, "mlx-q8": { "flip_every": 10 } }));
    TinyModel::classifier().save(&place.path("other"));
    let config = place.read("other/config.json");
    // Another model: its content counts, and not its weights alone.
    place.write("other/config.json", &config.replacen('{', "{\"note\": 1,", 1));
    place.write(
        "more.jsonl",
        &rows(WORDS).lines().skip(100).fold(String::new(), |text, line| text + line + "\n"),
    );
    place.write("two.yaml", &datasets(&["rows", "more"]));
    place
}

fn datasets(names: &[&str]) -> String {
    let entry = |name: &&str| {
        format!(
            "  {name}: {{ provider: local, name: {name}.jsonl, columns: {{ text: text, label: label }}, \
             label_names: [entailment, neutral, contradiction] }}\n"
        )
    };
    format!("datasets:\n{}", names.iter().map(entry).collect::<String>())
}

fn matrix(place: &Place) -> Value {
    let matrix = place.json("reports/matrix.json");
    let schema = serde_json::from_str(include_str!("../../reports/matrix.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&matrix), "{matrix}");
    matrix
}

/// When each cell was begun.
fn begun(place: &Place) -> Vec<u64> {
    let started = |name: &str| place.json(&format!("reports/{name}/report.json"))["started_unix_s"].as_u64();
    ["model-rows", "model-more", "other-rows", "other-more"].map(|name| started(name).unwrap()).to_vec()
}

#[test]
fn everything_is_planned_and_printed_before_anything_is_done() {
    let place = place();
    let before = place.files(".");
    let output = place.gatecheck(&format!("{PIPELINE} --dry-run"));
    let expected = "2 models, 4 cells\n  model: model, 1 to convert\n  other: other, 1 to convert\n  \
                    model on rows: candle, mlx-q8, to be measured\n  model on more: candle, mlx-q8, to be measured\n  \
                    other on rows: candle, mlx-q8, to be measured\n  other on more: candle, mlx-q8, to be measured\n\
                    downloads: 0.000 GB\ndisk for conversions: 0.000 GB\ntime: unknown, nothing of it was measured before\n";
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (0, expected, ""));
    assert_eq!(place.files("."), before, "and nothing was done");
    let plan: Value =
        serde_json::from_str(&place.gatecheck(&format!("{PIPELINE} --dry-run --json")).stdout).unwrap();
    assert_eq!(
        (&plan["cells"][3]["folder"], &plan["cells"][0]["way"]),
        (&json!("reports/other-more"), &json!("fresh"))
    );
    assert!(plan["conversions"]["known"].as_u64().unwrap() > 100_000, "{plan}");
}

#[test]
fn every_cell_is_measured_once_and_kept() {
    let place = place();
    let output = place.gatecheck(PIPELINE);
    let first = matrix(&place);
    assert_eq!((output.code, &first["exit_code"]), (1, &json!(1)), "{}", output.stderr);
    assert!(output.stdout.ends_with("verdict  fail\n"), "{}", output.stdout);
    let names = ["matrix-junit.xml", "matrix.csv", "matrix.json", "matrix.md"];
    let cells = ["model-more", "model-rows", "other-more", "other-rows"];
    let mut all = [names, cells].concat();
    all.sort_unstable();
    assert_eq!(place.files("reports"), all);
    let of_seed = ["comparisons", "logs", "pipeline.jsonl", "results", "test_results"];
    assert_eq!(place.files("mlx"), of_seed);
    assert_eq!(place.files("mlx/results"), ["model_conversion.json", "other_conversion.json"]);
    assert_eq!(place.files("mlx/comparisons"), ["model_comparison.json", "other_comparison.json"]);
    assert_eq!(place.files("mlx/logs"), ["conversion_model.log", "conversion_other.log", "testing_8bit.log"]);
    let results = place.json("mlx/test_results/model_8bit_results.json");
    assert_eq!(results["reports"][1], place.json("reports/model-more/report.json"));
    let times = begun(&place);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = place.gatecheck(&format!("{PIPELINE} --resume"));
    assert!(again.stderr.contains("other on more: measured already\n"), "{}", again.stderr);
    assert_eq!((again.code, matrix(&place), begun(&place)), (1, first, times.clone()));
    // Other settings are another measurement; gates alone are not.
    let gates = place.gatecheck(&format!("{PIPELINE} --max-accuracy-drop 0.9"));
    assert_eq!((gates.code, begun(&place)), (0, times.clone()), "{}", gates.stderr);
    place.gatecheck(&format!("{PIPELINE} --no-skip"));
    assert!(begun(&place).iter().zip(&times).all(|(now, before)| now > before), "--no-skip");
    let times = begun(&place);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    place.gatecheck(&PIPELINE.replace("--latency-queries 20", "--latency-queries 21"));
    assert!(begun(&place).iter().zip(&times).all(|(now, before)| now > before), "other settings");
}

#[test]
fn one_content_under_two_names_is_measured_once() {
    let place = place();
    TinyModel::classifier().save(&place.path("twin"));
    place.write("same.jsonl", &place.read("rows.jsonl"));
    place.write("two.yaml", &datasets(&["rows", "same"]));
    let command = PIPELINE.replace("model,other", "model,twin").replace("rows,more", "rows,same");
    let output = place.gatecheck(&command);
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("cell 1 of 1: measuring").count(), 1, "{}", output.stderr);
    let matrix = matrix(&place);
    let same: Vec<_> =
        matrix["cells"].as_array().unwrap().iter().map(|cell| cell["same_as"].clone()).collect();
    assert_eq!(same, [json!(null), json!("model on rows"), json!("model on rows"), json!("model on rows")]);
    assert!(matrix["cells"].as_array().unwrap().iter().all(|cell| cell["verdict"] == "fail"), "{matrix}");
    assert_eq!(place.files("models/mlx_converted"), ["model-mlx-q8"], "nor is it converted twice");
    assert_eq!(place.files("mlx/test_results"), ["model_8bit_results.json", "twin_8bit_results.json"]);
}

#[test]
fn a_model_that_fails_leaves_the_others_alone() {
    let place = place();
    place.write("broken/config.json", &place.read("model/config.json"));
    place.write("broken/model.safetensors", "no such thing");
    let output = place.gatecheck(&PIPELINE.replace("model,other", "broken,model"));
    assert_eq!(output.code, 3, "{}", output.stderr);
    let matrix = matrix(&place);
    let verdicts: Vec<_> =
        matrix["cells"].as_array().unwrap().iter().map(|cell| cell["verdict"].clone()).collect();
    assert_eq!(verdicts, ["error", "error", "fail", "fail"]);
    assert!(matrix["cells"][0]["error"].as_str().unwrap().contains("broken/model.safetensors"), "{matrix}");
    // A dataset that does not fit the model is no reason not to measure the other.
    place.write("rows.jsonl", "{\"text\": \"w1\", \"label\": \"purple\"}\n");
    let output = place.gatecheck(&PIPELINE.replace("model,other", "other"));
    assert_eq!(output.code, 2, "{}", output.stderr);
    assert!(place.path("reports/other-more/report.json").exists());
    assert!(!place.path("reports/other-rows").exists());
}

#[test]
fn what_is_asked_wrongly_starts_nothing() {
    let place = place();
    place.write("broken.yaml", "datasets:\n  d:\n    provider: local\n    nam: x\n");
    let before = place.files(".");
    let cases = [
        ("pipeline --models model --datasets rows --config two.yaml broken.yaml", "broken.yaml"),
        (
            "pipeline --models model,modle --datasets rows --config two.yaml",
            "configured model or folder `modle`",
        ),
        ("pipeline --models model --datasets rwos --config two.yaml", "configured dataset `rwos`"),
        (
            "pipeline --models model --datasets rows --config two.yaml --upload model --upload-to me",
            "`model` names no artefact",
        ),
        (
            "pipeline --models model --datasets rows --config two.yaml --upload x:q8 --upload-to me",
            "model of this pipeline `x`",
        ),
        (
            "pipeline --models model --datasets rows --config two.yaml --upload model:q4 --upload-to me",
            "not measured as `q4`",
        ),
        (
            "pipeline --models model --datasets rows --config two.yaml --upload model:q8",
            "--upload-to <OWNER>",
        ),
    ];
    for (command, words) in cases {
        let Output { code, stdout, stderr } = place.gatecheck(command);
        assert!(code == 2 && stdout.is_empty() && stderr.contains(words), "{command}: {code} {stderr}");
        assert_eq!(place.files("."), before, "{command}");
    }
    let stderr = place.gatecheck(cases[0].0).stderr;
    assert!(stderr.contains("line 4"), "{stderr}");
}

#[test]
fn what_has_passed_goes_on_to_be_uploaded_and_nothing_else_does() {
    let place = place();
    let upload = format!("{PIPELINE} --upload model:q8 --upload-to me");
    place.write("mock.json", &json!({ "candle": {}, "mlx-q8": { "flip_every": 3 } }).to_string());
    let failed = place.gatecheck(&upload);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("not uploaded: me/model-mlx-q8 has not passed on rows"),
        "{}",
        failed.stderr
    );
    // The way to the Hub begins with the artefact and the record of the first dataset: scripted arms end it there.
    place.write("mock.json", &json!({ "candle": {}, "mlx-q8": {} }).to_string());
    let passed = place.gatecheck(&format!("{upload} --no-skip"));
    assert_eq!((matrix(&place)["exit_code"].as_u64(), passed.code), (Some(0), 2), "{}", passed.stderr);
    for words in ["models/mlx_converted/model-mlx-q8", "reports/model-rows` it was scripted, not measured"] {
        assert!(passed.stderr.contains(words), "{words}: {}", passed.stderr);
    }
}

#[test]
fn a_pipeline_killed_again_and_again_ends_as_an_undisturbed_one() {
    let long =
        PIPELINE.replace("--batch-size 30 --latency-queries 20", "--batch-size 3 --latency-queries 3000");
    let whole = place();
    assert_eq!(whole.gatecheck(&long).code, 1);
    let place = place();
    let (mut kills, mut wait) = (0, 100);
    loop {
        let mut parent = place.command(&long).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        if parent.try_wait().unwrap().is_some() {
            break;
        }
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_for(|| place.processes().is_empty());
        // Longer every time, or a slow machine would never get through its warm-up.
        (kills, wait) = (kills + 1, wait + 60);
    }
    assert!(kills >= 3, "it was killed {kills} times");
    assert_eq!(place.gatecheck(&long).code, 1);
    for name in ["model-rows", "model-more", "other-rows", "other-more"] {
        let report = |of: &Place| undisturbed(of.json(&format!("reports/{name}/report.json")));
        assert_eq!(report(&place), report(&whole), "{name}");
        // A kill while files are written may leave their temporary neighbours.
        let files = place.files(&format!("reports/{name}"));
        let left = files.iter().filter(|name| !name.starts_with(".gatecheck-"));
        assert_eq!(left.count(), 6, "{files:?}");
    }
    assert_eq!(matrix(&place), matrix(&whole));
}

#[test]
fn two_pipelines_do_not_share_a_folder() {
    let hangs =
        Place::scripted(&json!({ "candle": {}, "mlx-q8": { "fail_in": "latency", "fail_by": "hang" } }));
    hangs.write("two.yaml", &datasets(&["rows"]));
    let command = PIPELINE.replace("model,other", "model").replace("rows,more", "rows");
    let mut first = hangs.command(&command).spawn().unwrap();
    wait_for(|| hangs.path("reports/model-rows/journal.jsonl").exists());
    let output = hangs.gatecheck(&command);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("error: another pipeline is at work in `"), "{}", output.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
    hangs.is_left_alone();
}
