use gatecheck_judge::task::{Metric, Task};

use super::*;

fn parsed(text: &str) -> Result<Config, ConfigFileError> {
    let mut config = Config::default();
    config.add("test.yaml", text)?;
    Ok(config)
}

fn message(text: &str) -> (String, Option<String>) {
    let error = parsed(text).unwrap_err();
    (error.to_string(), error.hint())
}

#[test]
fn the_built_in_files_are_valid_and_agree() {
    let config = Config::load(&[]).unwrap();
    let names: Vec<&str> = config.models().map(|(_, model)| model.name.as_str()).collect();
    assert_eq!(names.len(), 14);
    let of_the_pipeline = [
        "distilbert-base-uncased-mnli",
        "bart-large-mnli",
        "roberta-large-mnli",
        "modernbert-large-zeroshot-v2",
        "deberta-v3-base-mnli",
        "all-MiniLM-L6-v2",
        "all-mpnet-base-v2",
        "all-MiniLM-L12-v2",
        "mobilebert-uncased-mnli",
        "deberta-v3-xsmall-mnli-binary",
        "xtremedistil-l6-h256-nli-binary",
    ];
    assert_eq!(names[..11], of_the_pipeline);
    for (_, model) in config.models() {
        let quantization = &model.quantization;
        assert_eq!((quantization.bits, quantization.group_size), (Some(8), Some(64)), "{}", model.name);
        assert!(quantization.max_accuracy_drop.is_some() && quantization.target_size_mb.is_some());
        assert!(!model.benchmarks.is_empty() && model.hf_name.contains('/') && !model.task.is_empty());
        for benchmark in &model.benchmarks {
            assert!(config.dataset(benchmark).is_some(), "{}: no dataset `{benchmark}`", model.name);
        }
    }
    assert!(config.dataset("ag_news").unwrap().task() == Some(Task::ZeroShot));
    for name in ["mnli", "snli", "sst2", "stsb", "rte", "qnli", "mrpc", "ag_news"] {
        assert!(config.dataset(name).is_some(), "{name}");
    }
    assert_eq!(config.dataset("mnli").unwrap().default_split(), "validation_matched");
    assert_eq!(config.dataset("stsb").unwrap().task(), Some(Task::Similarity));
}

/// The examples of the pipeline's read-me, word for word.
#[test]
fn the_pipelines_own_examples_parse() {
    let config = parsed(
        r#"
models:
  - name: "model-identifier"
    hf_name: "huggingface/repo-name"
    task: "classification-type"
    quantization:
      bits: 8
      dtype: "int8"
      group_size: 64  # Optional, defaults to 64
      target_size_mb: 125
      max_accuracy_drop: 0.015  # 1.5% threshold
    benchmarks:
      - dataset1
      - dataset2
"#,
    )
    .unwrap();
    let model = config.model("model-identifier").unwrap();
    assert_eq!(model.quantization.target_mb(), Some(125.0));
    assert_eq!(model.benchmarks, ["dataset1", "dataset2"]);
    let config = parsed(
        "
datasets:
  dataset_name:
    provider: huggingface
    name: dataset_path
    subset: optional_subset  # Optional
    splits:
      train: train
      validation: validation
    metrics:
      - accuracy
    preprocessing:
      max_length: 512
      truncation: longest_first
      padding: longest
      cache_dir: /tmp/hf_datasets  # Optional
",
    )
    .unwrap();
    assert_eq!(config.dataset("dataset_name").unwrap().preprocessing.max_length, Some(512));
    // The encoder guide's example has the same keys in another order.
    parsed(
        r#"
models:
  - name: "distilbert-base-uncased-mnli"
    hf_name: "typeform/distilbert-base-uncased-mnli"
    task: "zero-shot-classification"
    quantization:
      bits: 8
      dtype: "int8"
      target_size_mb: 125
      group_size: 64
"#,
    )
    .unwrap();
    let config = parsed(
        r#"
models:
  - name: "my-custom-model"
    hf_name: "username/model-repo"
    task: "classification"
    quantization:
      bits: 8
      dtype: "int8"
      target_size_mb: 200
      max_accuracy_drop: 0.02
    benchmarks:
      - mnli
      - sentiment
"#,
    )
    .unwrap();
    assert_eq!(config.model("my-custom-model").unwrap().quantization.max_accuracy_drop, Some(0.02));
}

#[test]
fn unknown_keys_are_errors_with_the_nearest() {
    let (error, hint) =
        message("models:\n  - name: a\n    hf_name: b/c\n    quantization:\n      grup_size: 64\n");
    assert!(error.contains("test.yaml") && error.contains("grup_size") && error.contains('5'), "{error}");
    assert_eq!(hint.as_deref(), Some("did you mean `group_size`?"));
    let (_, hint) = message("datasets:\n  x:\n    provider: huggingface\n    name: y\n    colums: {}\n");
    assert_eq!(hint.as_deref(), Some("did you mean `columns`?"));
    let (error, hint) = message("modells: []\n");
    assert!(error.contains("modells"), "{error}");
    assert_eq!(hint.as_deref(), Some("did you mean `models`?"));
    let (error, hint) = message("models:\n  - { name: a, hf_name: b/c, quantization: { bitss: 8 } }\n");
    assert!(error.contains("line 2"), "{error}");
    assert_eq!(hint.as_deref(), Some("did you mean `bits`?"));
    let (_, hint) =
        message("datasets:\n  x: { provider: local, name: y, preprocessing: { truncatoin: only_first } }\n");
    assert_eq!(hint.as_deref(), Some("did you mean `truncation`?"));
    let (_, hint) = message("datasets:\n  x: { provider: local, name: y, candidate_label: [a] }\n");
    assert_eq!(hint.as_deref(), Some("did you mean `candidate_labels`?"));
    let (error, _) = message("datasets:\n  x:\n    provider: kaggle\n    name: y\n");
    assert!(error.contains("kaggle"), "{error}");
}

#[test]
fn impossible_values_are_errors() {
    let with = |line: &str| {
        message(&format!("models:\n  - name: a\n    hf_name: b/c\n    quantization: {{ {line} }}\n")).0
    };
    assert!(with("target_size_mb: big").contains("must be a number or `auto`"));
    assert!(with("target_size_mb: -1").contains("must be above 0"));
    assert!(with("max_accuracy_drop: 1.5").contains("share from 0 to 1"));
    assert!(with("bits: 4, dtype: int8").contains("`dtype` is `int8` where `bits` is 4"));
}

#[test]
fn token_types_are_fed_or_not() {
    let with = |line: &str| parsed(&format!("models: [{{ name: a, hf_name: b/c{line} }}]"));
    let fed = |line: &str| with(line).unwrap().model("a").unwrap().token_types;
    assert_eq!(["", ", token_types: true", ", token_types: false"].map(fed), [None, Some(true), Some(false)]);
    for wrong in ["maybe", "1"] {
        let error = with(&format!(", token_types: {wrong}")).unwrap_err().to_string();
        assert!(error.contains("test.yaml") && error.contains("bool"), "{error}");
    }
    let (_, hint) = message("models: [{ name: a, hf_name: b/c, token_type: true }]");
    assert_eq!(hint.as_deref(), Some("did you mean `token_types`?"));
}

#[test]
fn impossible_questions_are_errors() {
    let with = |lines: &str| {
        message(&format!("datasets:\n  topics:\n    provider: local\n    name: y.csv\n    {lines}\n")).0
    };
    let error = with("task: zero-shot-classification\n    metrics: [spearman]");
    let expected = "`topics` in `test.yaml`, line 2: `metrics` names `spearman`, which zero-shot-classification does not \
                    have; it has `accuracy`, `macro_f1`, `mcc` and `recall`";
    assert_eq!(error, expected);
    assert!(with("hypothesis_template: It is so.").contains("must have one `{}`"));
    assert!(with("hypothesis_template: \"{} or {}\"").contains("must have one `{}`"));
    assert!(with("hypothesis_template: \"{} or {label}\"").contains("must have one `{}`"));
    let labels = "label_names: [a, b]\n    candidate_labels";
    assert!(with(&format!("{labels}: [x]")).contains("1 `candidate_labels` for 2 `label_names`"));
    assert!(with(&format!("{labels}: [x, x]")).contains("has `x` twice"));
    assert!(with("task: zero-shoot").contains("zero-shot-classification"), "the words are listed");
    let config = parsed("datasets: { d: { provider: local, name: y, task: similarity } }").unwrap();
    assert_eq!(config.dataset("d").unwrap().task(), Some(Task::Similarity));
}

#[test]
fn metrics_are_those_of_the_task() {
    let entry = |lines: &str| {
        let config =
            parsed(&format!("datasets:\n  d:\n    provider: local\n    name: y\n    {lines}\n")).unwrap();
        let spec = config.dataset("d").unwrap().spec("d", "test", String::new(), None);
        (spec.task, spec.metrics)
    };
    let classes = Some(Task::Classification);
    assert_eq!(entry("metrics: [f1, accuracy]"), (classes, vec![Metric::MacroF1, Metric::Accuracy]));
    assert_eq!(entry("task: nli\n    metrics: [matthews_correlation]"), (classes, vec![Metric::Mcc]));
    assert_eq!(entry("metrics: [pearsonr]"), (Some(Task::Similarity), vec![Metric::Pearson]));
    assert_eq!(entry("label_names: [a, b]"), (None, Vec::new()));
    let refused =
        |lines: &str| message(&format!("datasets:\n  d:\n    provider: local\n    name: y\n    {lines}\n"));
    let (error, hint) = refused("metrics: [accuracy, macro_f]");
    let expected = "`d` in `test.yaml`, line 2: `metrics` names `macro_f`, which is not known; text-classification has \
                    `accuracy`, `macro_f1`, `mcc` and `recall`";
    assert_eq!((error.as_str(), hint.as_deref()), (expected, Some("did you mean `macro_f1`?")));
    let (error, hint) = refused("task: sentence-similarty");
    assert!(error.contains("`task` is `sentence-similarty`; it must be one of"), "{error}");
    assert_eq!(hint.as_deref(), Some("did you mean `sentence-similarity`?"));
}

#[test]
fn duplicates_name_both_lines() {
    let (error, _) = message("models:\n- { name: m, hf_name: a/b }\n\n- name: m\n  hf_name: a/c\n");
    assert_eq!(error, "model `m` is configured in `test.yaml`, line 2, and again in `test.yaml`, line 4");
    let (error, _) =
        message("datasets:\n  d: { provider: local, name: x }\n  d: { provider: local, name: y }\n");
    assert!(error.contains("line 3") && error.contains('d'), "{error}");
    let mut config = parsed("datasets:\n  d:\n    provider: local\n    name: x\n").unwrap();
    let other = "\ndatasets:\n\n  \"d\":\n    provider: local\n    name: y\n";
    let error = config.add("other.yaml", other).unwrap_err().to_string();
    assert_eq!(error, "dataset `d` is configured in `test.yaml`, line 2, and again in `other.yaml`, line 4");
}

#[test]
fn several_files_add_up_and_duplicates_name_both() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.yaml", "models:\n  - { name: mine, hf_name: me/mine }\n");
    write("b.yaml", "datasets:\n  mnli: { provider: local, name: mnli.csv }\n");
    let pattern = folder.path().join("*.yaml").display().to_string();
    let config = Config::load(std::slice::from_ref(&pattern)).unwrap();
    assert!(config.model("mine").is_some());
    assert_eq!(config.dataset("mnli").unwrap().provider, datasets::Provider::Local, "a given file wins");

    write("c.yaml", "models:\n  - { name: mine, hf_name: me/other }\n");
    let error = Config::load(&[pattern]).unwrap_err().to_string();
    assert!(error.contains("a.yaml") && error.contains("c.yaml") && error.contains("`mine`"), "{error}");

    let error = Config::load(&["/nonexistent/*.yaml".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("no configuration file matches"));
}
