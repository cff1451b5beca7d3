//! `run` with scripted arms: every number and verdict is known beforehand.

use serde_json::{Value, json};

use crate::harness::{Place, by_id, metric};

/// A baseline of 3 ms a call beside a candidate of 1 ms that answers the same.
fn three_times_faster() -> Place {
    Place::scripted(
        &json!({ "candle": { "ns_per_call": 3_000_000 }, "mlx-q8": { "ns_per_call": 1_000_000 } }),
    )
}

/// The same, but every `every`-th answer of the candidate is another one.
fn flipping(every: u32) -> Place {
    Place::scripted(&json!({ "candle": {}, "mlx-q8": { "flip_every": every } }))
}

/// What [`three_times_faster`] prints.
const TERMINAL: &str = "\
exit code 0
--- stdout
model on rows all, 600 examples

candle  mlx-q8
backend, device  mock, cpu  mock, cpu
execution  scripted  scripted
accuracy  0.9000 [0.8734, 0.9215]  0.9000 [0.8734, 0.9215]
macro-F1  0.9000  0.9000
MCC  0.8500  0.8500
recall entailment  0.9000  0.9000
recall neutral  0.9000  0.9000
recall contradiction  0.9000  0.9000
queries/min  600,000  1,800,000
tokens/s  30,000  90,000
latency p50 (ms)  3.000 [3.000, 3.000]  1.000 [1.000, 1.000]
latency p95 (ms)  (3.000 [3.000, …])  (1.000 [1.000, …])
latency p99 (ms)  (3.000 [3.000, …])  (1.000 [1.000, …])
memory average (MB)  [MB]  [MB]
memory peak (MB)  [MB]  [MB]
size (MB)  0.355  0.110
in parentheses: too few samples to quote it (p95 needs 130, p99 needs 662)

beside candle
mlx-q8
accuracy drop  0.0000 [-0.0064, 0.0064]
speedup  3.00 [3.00, 3.00]
latency p50 speedup  3.00 [3.00, 3.00]
size ratio  0.31
changed predictions  0 (0.00 %)
KL mean, max (nats)  0, 0
largest output difference  0.000
worst slices  entailment: 0.0000; 3 to 3 tokens: 0.0000

accuracy  pass  the drop is at most 0.0064 (95 % interval), limit 0.015
speed  not judged  `mlx-q8` ran on the CPU, which says nothing of an accelerator
size  pass  0.1 MB is within ± 10 % of the size computed from the recipe, 0.1 MB
verdict  pass
--- stderr
measuring model on rows all: 600 examples, arms candle, mlx-q8
reports are in out
";

/// The verdict of one gate.
fn verdict(report: &Value, gate: &str) -> String {
    let gates = report["gates"].as_array().unwrap();
    gates.iter().find(|result| result["name"] == gate).unwrap()["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn numbers_are_those_of_the_script() {
    let place = three_times_faster();
    let output = place.measure("");
    assert_eq!(output.code, 0, "{}", output.stderr);
    let report = place.report();
    assert_eq!(metric(&report, 0, "accuracy")["value"], 0.9);
    assert_eq!(metric(&report, 1, "accuracy")["value"], 0.9);
    assert_eq!(metric(&report, 0, "accuracy")["n"], 600);
    // 600 rows are 20 batches of 30: 60 ms and 20 ms.
    assert_eq!(metric(&report, 0, "qpm")["value"], 600_000.0);
    assert_eq!(metric(&report, 1, "qpm")["value"], 1_800_000.0);
    // `[CLS] word [SEP]`
    assert_eq!(metric(&report, 0, "tokens_per_second")["value"], 30_000.0);
    let speedup = by_id(&report["comparison"]["ratios"], "qpm");
    assert_eq!([&speedup["value"], &speedup["low"], &speedup["high"]], [3.0, 3.0, 3.0]);
    assert_eq!(report["comparison"]["flips"]["count"], 0);
    assert_eq!(metric(&report, 0, "latency_p50_ms")["n"], 20);
    assert_eq!(report["dataset"]["rows"], 600);
}

#[test]
fn times_grow_with_tokens() {
    let place = Place::scripted(&json!({
        "candle": { "ns_per_call": 0, "ns_per_token": 2000 }, "mlx-q8": { "ns_per_call": 0, "ns_per_token": 500 },
    }));
    place.measure("");
    let report = place.report();
    assert_eq!(metric(&report, 0, "tokens_per_second")["value"], 500_000.0);
    assert_eq!(by_id(&report["comparison"]["ratios"], "qpm")["value"], 4.0);
}

#[test]
fn speed_is_not_judged_on_a_cpu() {
    let place = three_times_faster();
    assert_eq!(place.measure("").code, 0);
    assert_eq!(verdict(&place.report(), "speed"), "not-judged");
    assert_eq!(place.measure("--strict").code, 1);
    assert_eq!(place.report()["verdict"], "fail");
}

#[test]
fn speed_is_judged_anywhere_when_asked_for() {
    let place = three_times_faster();
    assert_eq!(place.measure("--speed-on any --strict").code, 0);
    assert_eq!(verdict(&place.report(), "speed"), "pass");
    assert_eq!(place.measure("--speed-on any --min-speedup 3.5").code, 1);
    assert_eq!(verdict(&place.report(), "speed"), "fail");
}

#[test]
fn speed_is_judged_on_an_accelerator_of_a_real_machine() {
    let place =
        Place::scripted(&json!({ "candle": {}, "mlx-q8": { "ns_per_call": 500_000, "device": "metal" } }));
    place.measure("");
    let report = place.report();
    assert_eq!(report["arms"][1]["device"], "metal");
    let virtual_machine = report["environment"]["virtualised"] == true;
    assert_eq!(verdict(&report, "speed"), if virtual_machine { "not-judged" } else { "pass" });
}

#[test]
fn lost_answers_fail_the_accuracy_gate() {
    // Every tenth answer flips, and all of those were right.
    let place = flipping(10);
    let output = place.measure("");
    assert_eq!(output.code, 1, "{}", output.stderr);
    let report = place.report();
    assert_eq!(metric(&report, 1, "accuracy")["value"], 0.8);
    assert_eq!(report["comparison"]["flips"]["count"], 60);
    let drop = by_id(&report["comparison"]["drops"], "accuracy");
    assert_eq!([&drop["value"], &drop["lost"], &drop["gained"]], [&json!(0.1), &json!(60), &json!(0)]);
    assert_eq!(verdict(&report, "accuracy"), "fail");
    assert_eq!(place.measure("--max-accuracy-drop 0.2").code, 0);
}

#[test]
fn the_first_metric_of_a_dataset_is_judged() {
    let place = flipping(10);
    place.write(
        "rows.yaml",
        "datasets:\n  mine: { provider: local, name: rows.jsonl, metrics: [matthews_correlation, accuracy] }\n",
    );
    let output = place.gatecheck(
        "run --model model --config rows.yaml --dataset mine --mock mock.json --batch-size 30 --latency-queries 20 \
         --out out",
    );
    assert_eq!(output.code, 1, "{}", output.stderr);
    let report = place.report();
    assert_eq!((&report["metric"], &report["gates"][0]["gate"]), (&json!("mcc"), &json!("quality")));
    assert_eq!(
        (verdict(&report, "mcc").as_str(), place.record()["dataset"]["metrics"].clone()),
        ("fail", json!(["mcc", "accuracy"]))
    );
    let drop = by_id(&report["comparison"]["drops"], "mcc");
    assert!(drop["low"].as_f64() > Some(0.1) && drop["high"].as_f64() < Some(0.2), "{drop}");
    assert!(output.stdout.contains("\nMCC ") && output.stdout.contains("\nMCC drop "), "{}", output.stdout);
    assert!(
        !output.stdout.contains("\nmacro-F1 ") && !output.stdout.contains("\nrecall "),
        "{}",
        output.stdout
    );
    let header = place.read("out/report.csv");
    assert!(header.starts_with("model,") && header.contains(",mcc_drop_low,"), "{header}");
    assert_eq!(place.gatecheck("report out").code, 1);
}

#[test]
fn a_drop_near_the_limit_is_inconclusive() {
    let place = flipping(100);
    assert_eq!(place.measure("").code, 4);
    assert_eq!(by_id(&place.report()["comparison"]["drops"], "accuracy")["value"], 0.01);
    assert_eq!(verdict(&place.report(), "accuracy"), "inconclusive");
    assert_eq!(place.measure("--strict").code, 1);
}

#[test]
fn few_rows_are_inconclusive() {
    let place = three_times_faster();
    assert_eq!(place.measure("--limit 100").code, 4);
    assert_eq!(place.report()["dataset"]["rows"], 100);
}

#[test]
fn the_size_is_judged_by_the_target() {
    let place = three_times_faster();
    place.measure("");
    let report = place.report();
    let size = metric(&report, 1, "size_mb")["value"].as_f64().unwrap();
    assert_eq!(verdict(&report, "size"), "pass");
    assert_eq!(report["gates"][2]["limit"], size);
    assert_eq!(place.measure(&format!("--target-size-mb {}", size * 1.05)).code, 0);
    assert_eq!(place.measure(&format!("--target-size-mb {}", size * 2.0)).code, 1);
    assert_eq!(verdict(&place.report(), "size"), "fail");
    assert_eq!(place.measure(&format!("--target-size-mb {} --size-tolerance 0.6", size * 2.0)).code, 0);
}

#[test]
fn three_arms_have_a_reference() {
    let place = Place::scripted(&json!({
        "candle": { "ns_per_call": 4_000_000 }, "mlx": { "ns_per_call": 2_000_000 }, "mlx-q8": {},
    }));
    assert_eq!(place.measure("--arms candle,mlx,mlx-q8").code, 0);
    let report = place.report();
    let roles: Vec<_> = report["arms"].as_array().unwrap().iter().map(|arm| &arm["role"]).collect();
    assert_eq!(roles, ["baseline", "reference", "candidate"]);
    assert_eq!(report["comparison"]["arm"], "mlx-q8");
    assert_eq!(by_id(&report["comparison"]["ratios"], "qpm")["value"], 4.0);
    assert_eq!(report["gains"][0]["backend"]["value"], 2.0);
    assert_eq!(report["gains"][0]["quantization"]["value"], 2.0);
    assert_eq!(report["gates"].as_array().unwrap().len(), 3);
}

#[test]
fn standard_output_is_the_report_when_asked_for() {
    let place = three_times_faster();
    let output = place.measure("--json");
    assert_eq!(serde_json::from_str::<Value>(&output.stdout).unwrap(), place.report());
    assert_eq!(output.stdout, place.read("out/report.json"));
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let place = flipping(100);
    let measured = |seed: u32| {
        place.measure(&format!("--seed {seed}"));
        let report = place.report();
        [by_id(&report["comparison"]["drops"], "accuracy"), &report["seed"]].map(Clone::clone)
    };
    assert_eq!(measured(1), measured(1));
    assert_eq!(measured(7)[1], 7);
}

#[test]
fn several_datasets_have_folders_of_their_own() {
    let place = flipping(10);
    place.write("other.jsonl", &crate::harness::rows(300));
    let output = place.measure("--dataset other.jsonl --max-accuracy-drop 0.2");
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(place.json("out/rows/report.json")["dataset"]["rows"], 600);
    assert_eq!(place.json("out/other/report.json")["dataset"]["rows"], 300);
}

#[test]
fn every_kind_of_file_gives_the_same() {
    let place = three_times_faster();
    let rows: Vec<Value> =
        crate::harness::rows(300).lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let predictions = |name: &str, separator: &str| {
        let line = |row: &Value| {
            format!("{}{separator}{}\n", row["text"].as_str().unwrap(), row["label"].as_str().unwrap())
        };
        place.write(name, &format!("text{separator}label\n{}", rows.iter().map(line).collect::<String>()));
        place.gatecheck(&crate::harness::MEASURE.replace("rows.jsonl", name));
        let report = place.report();
        (metric(&report, 0, "accuracy")["value"].clone(), report["arms"][0]["predictions_sha256"].clone())
    };
    place.measure("--limit 300");
    let sha256 = place.report()["arms"][0]["predictions_sha256"].clone();
    assert_eq!(predictions("rows.csv", ","), (json!(0.9), sha256.clone()));
    assert_eq!(predictions("rows.tsv", "\t"), (json!(0.9), sha256));
}

#[test]
fn the_terminal_ends_with_table_and_verdicts() {
    let output = three_times_faster().measure("");
    assert_eq!(output.snapshot(), TERMINAL);
}

#[test]
fn quiet_leaves_the_result() {
    let output = three_times_faster().measure("--quiet");
    assert_eq!(output.stderr, "");
    assert!(output.stdout.contains("\nverdict   pass\n"), "{}", output.stdout);
}
