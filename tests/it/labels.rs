//! Labels of datasets and models that are not the same, through the real program: what is folded, what
//! is refused, and that the report says so.

use serde_json::{Value, json};

use crate::{
    harness::{Place, metric, recalls},
    tiny_model::TinyModel,
};

const RUN: &str = "run --model model --dataset rows.jsonl --arms candle,candle --mock mock.json \
                   --latency-queries 3 --out out";

/// A place with a model of these classes, whose answers are scripted.
fn model(classes: &[&str]) -> Place {
    let place = Place::new();
    let mut model = TinyModel::classifier();
    let names = classes.iter().enumerate().map(|(id, name)| (id.to_string(), json!(name)));
    model.config["id2label"] = names.collect();
    for (tensor, columns) in [("classifier.weight", 64), ("classifier.bias", 1)] {
        let (shape, values) = model.tensors.get_mut(tensor).unwrap();
        shape[0] = classes.len();
        values.truncate(classes.len() * columns);
    }
    model.save(&place.path("model"));
    let script = json!({ "width": classes.len() });
    place.write("mock.json", &json!({ "candle": script, "candle-2": script }).to_string());
    place
}

/// A model with these classes and 30 rows with these labels in turn.
fn place(classes: &[&str], labels: &[&str]) -> Place {
    let place = model(classes);
    let row = |index: usize| {
        let label = labels[index % labels.len()];
        format!("{}\n", json!({ "text": format!("w{index}"), "label": label }))
    };
    place.write("rows.jsonl", &(0..30).map(row).collect::<String>());
    place
}

/// Gold and predicted classes of the baseline, by the record's own words.
fn answers(record: &Value) -> (Vec<u64>, Vec<u64>) {
    let gold = record["gold"].as_array().unwrap().iter().map(|gold| gold.as_f64().unwrap() as u64);
    let outputs: Vec<f64> = serde_json::from_value(record["arms"][0]["outputs"].clone()).unwrap();
    let width = record["arms"][0]["output_width"].as_u64().unwrap() as usize;
    let class = |row: &[f64]| {
        let best = (0..width).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        record["dataset"]["labels"]["model"][best]["class"].as_u64().unwrap()
    };
    (gold.collect(), outputs.chunks(width).map(class).collect())
}

/// The accuracy that the record's words give, which must be the report's.
#[track_caller]
fn is_reported(place: &Place) {
    let (gold, predicted) = answers(&place.record());
    let right = gold.iter().zip(&predicted).filter(|(gold, predicted)| gold == predicted).count();
    let accuracy = metric(&place.report(), 0, "accuracy")["value"].as_f64().unwrap();
    assert!((accuracy - right as f64 / 30.0).abs() < 1e-9, "{accuracy} is not {right} of 30");
}

#[test]
fn three_relations_for_a_model_of_two() {
    let place = place(&["entailment", "not_entailment"], &["entailment", "neutral", "contradiction"]);
    let output = place.gatecheck(RUN);
    assert!(matches!(output.code, 1 | 4), "{}", output.stderr);
    let labels = &place.record()["dataset"]["labels"];
    assert_eq!(
        (&labels["rule"], &labels["names"]),
        (&json!("folded-gold"), &json!(["entailment", "not_entailment"]))
    );
    assert_eq!(answers(&place.record()).0.iter().sum::<u64>(), 20);
    is_reported(&place);
    let note = "note: the model tells two relations, the dataset three; its labels count so: `contradiction` and \
                `neutral` as `not_entailment`\n";
    assert!(output.stdout.contains(note), "{}", output.stdout);
    assert!(place.read("out/report.md").contains("\nNote: the model tells two relations"));
    assert!(place.read("out/report.csv").contains(",folded-gold,"));
}

#[test]
fn two_relations_for_a_model_of_three() {
    let place = place(&["CONTRADICTION", "NEUTRAL", "ENTAILMENT"], &["not_entailment", "entailment"]);
    let output = place.gatecheck(RUN);
    assert!(matches!(output.code, 1 | 4), "{}", output.stderr);
    let report = place.report();
    let labels = &report["dataset"]["labels"];
    assert_eq!(
        (&labels["rule"], &labels["names"]),
        (&json!("folded-predictions"), &json!(["entailment", "not_entailment"]))
    );
    assert_eq!(labels["model"][0], json!({ "label": "CONTRADICTION", "class": 1 }));
    assert_eq!(report["arms"][0]["confusion"].as_array().unwrap().len(), 2);
    assert_eq!(recalls(&report, 0), 2);
    is_reported(&place);
    assert!(output.stdout.contains("`CONTRADICTION` and `NEUTRAL` as `not_entailment`"), "{}", output.stdout);
    assert!(output.stdout.contains("\nrecall not_entailment "), "{}", output.stdout);
}

#[test]
fn the_order_of_classes_does_not_matter() {
    let gold_of = |classes: &[&str]| {
        let place = place(classes, &["entailment", "neutral", "contradiction"]);
        place.gatecheck(RUN);
        is_reported(&place);
        answers(&place.record()).0[..3].to_vec()
    };
    assert_eq!(gold_of(&["CONTRADICTION", "NEUTRAL", "ENTAILMENT"]), [2, 1, 0]);
    assert_eq!(gold_of(&["contradiction", "entailment", "neutral"]), [1, 2, 0]);
}

#[test]
fn labels_that_no_rule_brings_together() {
    place(&["negative", "positive"], &["entailment", "neutral"]).refuses(
        RUN,
        "error: dataset label `entailment` is no class of the model, whose classes are `negative` and `positive`\n\n\
         hint: say what each label means, in the dataset's entry:\n    label_map:\n      entailment: \
         negative  # one of `negative` and `positive`\n      neutral: positive  # one of `negative` and `positive`",
    );
}

/// Columns of a built-in set as on the Hub, the classes of a model for it, and the rule they meet by.
const SETS: [(&str, &[&str], &[&str], &str); 6] = [
    ("sst2", &["sentence"], &["NEGATIVE", "POSITIVE"], "by-name"),
    ("mrpc", &["sentence1", "sentence2"], &["not_equivalent", "equivalent"], "by-name"),
    ("rte", &["sentence1", "sentence2"], &["entailment", "not_entailment"], "by-name"),
    ("qnli", &["question", "sentence"], &["entailment", "not_entailment"], "by-name"),
    ("rte", &["sentence1", "sentence2"], &["contradiction", "entailment", "neutral"], "folded-predictions"),
    ("snli", &["premise", "hypothesis"], &["not_entailment", "entailment"], "folded-gold"),
];

#[test]
fn built_in_sets_of_classes_have_their_metrics() {
    for (name, columns, classes, rule) in SETS {
        let place = model(classes);
        let row = |index: usize| {
            let mut row = json!({ "label": index % 2, "idx": index });
            columns.iter().for_each(|column| row[*column] = json!(format!("w{index}")));
            format!("{row}\n")
        };
        place.write("validation.jsonl", &(0..30).map(row).collect::<String>());
        let output = place.gatecheck(&format!(
            "run --model model --dataset {name} --data validation.jsonl --arms candle,candle --mock mock.json \
             --latency-queries 3 --out out"
        ));
        assert!(matches!(output.code, 1 | 4), "{name}: {}", output.stderr);
        let report = place.report();
        assert_eq!(
            (&report["dataset"]["split"], &report["dataset"]["labels"]["rule"]),
            (&"validation".into(), &rule.into())
        );
        // `[CLS] wI [SEP]` each.
        assert_eq!(report["dataset"]["real_tokens"], 30 * (1 + 2 * columns.len()), "{name}");
        is_reported(&place);
        assert!(metric(&report, 0, "macro_f1")["value"].is_f64() && recalls(&report, 0) == 2, "{name}");
        for label in report["dataset"]["labels"]["names"].as_array().unwrap() {
            let row = format!("\nrecall {} ", label.as_str().unwrap());
            assert!(output.stdout.contains(&row), "{name}: {}", output.stdout);
        }
    }
}

#[test]
fn the_built_in_set_of_scores_has_both_correlations() {
    let place = Place::new();
    TinyModel::sentences().save(&place.path("model"));
    let row = |index: usize| {
        let (first, second) = (format!("w{index} w1"), format!("w{} w1", index * 7 % 30));
        format!("{}\n", json!({ "sentence1": first, "sentence2": second, "label": (index % 6) as f64 * 0.8 }))
    };
    place.write("test.jsonl", &(0..30).map(row).collect::<String>());
    let output = place.gatecheck(
        "run --model model --dataset stsb --data test.jsonl --arms candle,candle --latency-queries 3 --out out",
    );
    assert!(matches!(output.code, 0 | 1 | 4), "{}", output.stderr);
    let report = place.report();
    assert_eq!((&report["metric"], &report["dataset"]["labels"]), (&json!("spearman"), &json!(null)));
    let [spearman, pearson] =
        ["spearman", "pearson"].map(|id| metric(&report, 0, id)["value"].as_f64().unwrap());
    assert!(metric(&report, 0, "accuracy").is_null(), "nothing called so holds a correlation");
    assert!(spearman != pearson && (-1.0..=1.0).contains(&pearson));
    assert!(
        output.stdout.contains("\nSpearman ") && output.stdout.contains("\nPearson "),
        "{}",
        output.stdout
    );
    assert!(place.read("out/report.md").contains("| Pearson | "));
}

#[test]
fn records_of_the_first_version_are_read() {
    let place = Place::scripted(&json!({ "candle": {}, "mlx-q8": {} }));
    place.measure("");
    let mut record = place.record();
    let report = place.report();
    record["schema_version"] = json!(1);
    record["environment"] = record["arms"][0]["sessions"][0]["environment"].clone();
    for arm in record["arms"].as_array_mut().unwrap() {
        // It did not name engines.
        let session = arm.as_object_mut().unwrap().remove("sessions").unwrap()[0].clone();
        for name in ["device", "execution", "memory"] {
            arm[name] = session[name].clone();
        }
    }
    let dataset = record["dataset"].as_object_mut().unwrap();
    dataset.remove("labels");
    dataset.remove("zero_shot");
    place.write("out/record.json", &record.to_string());
    assert_eq!(place.gatecheck("report out").code, 0);
    let mut arms = report["arms"].clone();
    arms.as_array_mut().unwrap().iter_mut().for_each(|arm| arm["engine"] = Value::Null);
    assert_eq!(place.report()["arms"], arms);
}
