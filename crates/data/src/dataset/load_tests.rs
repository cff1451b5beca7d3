use std::{
    fs::File,
    path::{Path, PathBuf},
};

use polars::prelude::{Column, DataFrame, NamedFrom, ParquetWriter, Series};

use super::*;
use gatecheck_judge::task::Task;

use crate::dataset::{Example, Gold, manifest::LabelNames};

fn spec() -> DatasetSpec {
    let names = ["entailment", "neutral", "contradiction"];
    let labels = LabelNames::Ordered(names.iter().map(|name| (*name).to_owned()).collect());
    DatasetSpec { name: "nli".into(), labels, ..DatasetSpec::default() }
}

/// Loads a file of this name and content, and replaces the folder in an error by nothing.
fn load_as(name: &str, content: impl AsRef<[u8]>, spec: &DatasetSpec) -> Result<Read, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let prefix = format!("{}/", folder.path().display());
    read(spec, &[path]).map_err(|error| error.to_string().replace(&prefix, ""))
}

/// A dataset with its examples.
type Read = (Dataset, Vec<Example>);

fn read(spec: &DatasetSpec, files: &[PathBuf]) -> Result<Read, DatasetError> {
    let (dataset, mut examples) = (load(spec, files)?, Vec::new());
    dataset.each(2, |some| {
        examples.extend_from_slice(some);
        Ok::<_, DatasetError>(())
    })?;
    Ok((dataset, examples))
}

fn rows(examples: &[Example]) -> Vec<(&str, Option<&str>, Gold)> {
    let rows = examples.iter();
    rows.map(|example| (example.text.as_str(), example.pair.as_deref(), example.gold)).collect()
}

#[test]
fn four_formats_agree() {
    let jsonl = "{\"premise\": \"a, \\\"b\\\"\", \"hypothesis\": \"1\", \"label\": 0, \"idx\": 0}\n\
                 {\"premise\": \"é\", \"hypothesis\": \"d\", \"label\": -1, \"idx\": 1}\n\n\
                 {\"premise\": \"e\", \"hypothesis\": \"f\", \"label\": 2, \"idx\": 2}\n";
    let csv = "premise,hypothesis,label,idx\n\"a, \"\"b\"\"\",1,entailment,0\né,d,,1\ne,f,2,2\n";
    let tsv = "premise\thypothesis\tlabel\r\na, \"b\"\t1\t0\r\né\td\t-\r\ne\tf\tContradiction\r\n";
    let expected = vec![("a, \"b\"", Some("1"), Gold::Label(0)), ("e", Some("f"), Gold::Label(2))];
    for (name, content) in [("d.jsonl", jsonl), ("d.csv", csv), ("d.tsv", tsv), ("d.JSON", jsonl)] {
        let (dataset, examples) = load_as(name, content, &spec()).unwrap();
        assert_eq!(rows(&examples), expected, "{name}");
        assert_eq!((dataset.dropped_without_label(), dataset.task), (1, Task::Classification), "{name}");
        assert_eq!(dataset.sha256, fs::sha256(content.as_bytes()));
    }
    let folder = tempfile::tempdir().unwrap();
    let shards = [parquet_file(folder.path(), "0.parquet"), parquet_file(folder.path(), "1.parquet")];
    let (dataset, examples) = read(&spec(), &shards[..1]).unwrap();
    assert_eq!(rows(&examples), expected);
    let (both, examples) = read(&spec(), &shards).unwrap();
    assert_eq!((examples.len(), both.dropped_without_label()), (4, 2));
    assert_ne!(both.sha256, dataset.sha256);
}

fn parquet_file(folder: &Path, name: &str) -> PathBuf {
    let column = |name: &str, values: &[&str]| Column::from(Series::new(name.into(), values));
    let labels = Column::from(Series::new("label".into(), [0i64, -1, 2]));
    let columns = vec![
        column("premise", &["a, \"b\"", "é", "e"]),
        column("hypothesis", &["1", "d", "f"]),
        labels,
        column("unused", &["", "", ""]),
    ];
    let path = folder.join(name);
    let mut frame = DataFrame::new(3, columns).unwrap();
    ParquetWriter::new(File::create(&path).unwrap()).finish(&mut frame).unwrap();
    path
}

#[test]
fn scores_may_start_whole_and_become_fractions_late() {
    let mut lines: String = (0..500)
        .map(|i| format!("{{\"sentence1\": \"a\", \"sentence2\": \"b\", \"label\": {}}}\n", i % 5))
        .collect();
    lines.push_str("{\"sentence1\": \"a\", \"sentence2\": \"b\", \"label\": 2.5}\n");
    let (dataset, examples) = load_as("d.jsonl", lines, &DatasetSpec::default()).unwrap();
    assert_eq!(dataset.task, Task::Similarity);
    assert_eq!(examples[500].gold, Gold::Score(2.5));
    assert_eq!(examples[1].gold, Gold::Score(1.0));
    assert_eq!(dataset.label_names, Vec::<String>::new());
}

#[test]
fn mixed_labels_are_read() {
    for lines in [
        ["1", "\"contradiction\"", "null", "\"0\""],
        ["\"neutral\"", "2", "-1", "0"],
        ["1", "2.0", "null", "0"],
    ] {
        let content: String =
            lines.iter().map(|label| format!("{{\"text\": \"t\", \"label\": {label}}}\n")).collect();
        let (_, examples) = load_as("d.jsonl", &content, &spec()).unwrap();
        let golds: Vec<_> = examples.iter().map(|example| example.gold).collect();
        assert_eq!(golds, [Gold::Label(1), Gold::Label(2), Gold::Label(0)], "{content}");
    }
}

#[test]
fn a_table_of_pandas_has_floats_for_labels() {
    let (dataset, examples) = load_as("d.csv", "text,label\na,1.0\nb,\nc,0.0\n", &spec()).unwrap();
    let golds: Vec<_> = examples.iter().map(|example| example.gold).collect();
    assert_eq!((golds, dataset.dropped_without_label()), (vec![Gold::Label(1), Gold::Label(0)], 1));
}

#[test]
fn malformed_lines_are_numbered() {
    let good = "{\"text\": \"t\", \"label\": 1}\n";
    let message =
        load_as("d.jsonl", format!("{good}{good}{{\"text\": \"t\", \n{good}"), &spec()).unwrap_err();
    assert!(message.starts_with("line 3 of `d.jsonl` is malformed: EOF while parsing"), "{message}");
    let message = load_as("d.csv", "text,label\na,1\nb\n", &spec()).unwrap_err();
    assert_eq!(message, "line 3 of `d.csv` is malformed: 1 fields, the header has 2");
    let message = load_as("d.jsonl", b"{\"text\": \"\xff\", \"label\": 1}\n", &spec()).unwrap_err();
    assert_eq!(message, "`d.jsonl` is not UTF-8 at line 1");
}

#[test]
fn missing_and_wrong_texts_name_the_row() {
    let content = "{\"text\": \"t\", \"label\": 1}\n{\"text\": null, \"label\": 1}\n";
    let message = load_as("d.jsonl", content, &spec()).unwrap_err();
    assert_eq!(message, "row 2 of `d.jsonl` has no text in column `text`");
    let content = "{\"text\": \"t\", \"label\": 1}\n{\"label\": 1}\n";
    assert_eq!(load_as("d.jsonl", content, &spec()).unwrap_err(), message);
    let message = load_as("d.csv", "text,label\nt,1\n,1\n", &spec()).unwrap_err();
    assert_eq!(message, "row 2 of `d.csv` has no text in column `text`");
    let content = "{\"text\": [\"t\"], \"label\": 1}\n";
    let message = load_as("d.jsonl", content, &spec()).unwrap_err();
    assert!(message.starts_with("row 1 of `d.jsonl` has a value of type list"), "{message}");
    let message = load_as("d.jsonl", "{\"text\": {\"a\": \"t\"}, \"label\": 1}\n", &spec()).unwrap_err();
    assert_eq!(message, "row 1 of `d.jsonl` has a value of type struct in column `text`, not text");
}

#[test]
fn json_that_numbers_and_depth_cannot_hold() {
    let row = |value: &str| format!("{{\"text\": \"t\", \"label\": 0, \"other\": {value}}}\n");
    for value in ["18446744073709551615", "-9223372036854775808", "123456789012345678901234567890"] {
        assert_eq!(load_as("d.jsonl", row(value), &spec()).unwrap().1.len(), 1, "{value}");
    }
    let nested = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for (value, what) in [(nested.as_str(), "recursion limit exceeded"), ("1e400", "number out of range")] {
        let message = load_as("d.jsonl", row("1") + &row(value), &spec()).unwrap_err();
        assert!(message.starts_with(&format!("line 2 of `d.jsonl` is malformed: {what}")), "{message}");
    }
    let twice = "{\"text\": \"t\", \"label\": 0}\n{\"text\": \"t\", \"label\": 0, \"label\": 1}\n";
    let message = load_as("d.jsonl", twice, &spec()).unwrap_err();
    assert!(
        message.starts_with("line 2 of `d.jsonl` is malformed: the key `label` is there twice"),
        "{message}"
    );
}

#[test]
fn quotes_of_csv_are_text_or_refused() {
    let (_, examples) = load_as("d.csv", "text,label\n5\" pipe,1\n6\" pipe,0\n", &spec()).unwrap();
    assert_eq!(examples[0].text, "5\" pipe");
    assert_eq!(examples.len(), 2);
    let message = load_as("d.csv", "text,label\nt,1\n\"a\"b,1\n", &spec()).unwrap_err();
    assert_eq!(message, "line 3 of `d.csv` is malformed: text follows a closing quote");
    let message = load_as("d.csv", "text,label,label\nt,1,2\n", &spec()).unwrap_err();
    assert_eq!(message, "line 1 of `d.csv` is malformed: the column `label` is there twice");
}

#[test]
fn a_category_of_pandas_is_text() {
    let named = DatasetSpec { name: "nli".into(), ..DatasetSpec::default() };
    let (dataset, examples) =
        load_as("d.parquet", include_bytes!("../../fixtures/category.parquet"), &named).unwrap();
    assert_eq!(dataset.label_names, ["neg", "pos"]);
    let expected =
        [("good", None, Gold::Label(1)), ("bad", None, Gold::Label(0)), ("good", None, Gold::Label(1))];
    assert_eq!(rows(&examples), expected);
}

#[test]
fn labels_of_unsigned_columns_are_all_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.parquet");
    let columns = vec![
        Column::from(Series::new("text".into(), ["a", "b"])),
        Column::from(Series::new("label".into(), [0, u64::MAX])),
    ];
    let mut frame = DataFrame::new(2, columns).unwrap();
    ParquetWriter::new(File::create(&path).unwrap()).finish(&mut frame).unwrap();
    let (dataset, _) = read(&DatasetSpec::default(), &[path]).unwrap();
    assert_eq!(dataset.label_names, ["0", "18446744073709551615"]);
    assert_eq!(dataset.dropped_without_label(), 0);
}

#[test]
fn scores_of_float_columns_are_read_and_nan_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.parquet");
    let columns = vec![
        Column::from(Series::new("sentence1".into(), ["a", "b", "c"])),
        Column::from(Series::new("sentence2".into(), ["a", "b", "c"])),
        Column::from(Series::new("score".into(), [2.5f32, f32::NAN, 0.25])),
    ];
    let mut frame = DataFrame::new(3, columns).unwrap();
    ParquetWriter::new(File::create(&path).unwrap()).finish(&mut frame).unwrap();
    let (dataset, examples) = read(&DatasetSpec::default(), &[path]).unwrap();
    let golds: Vec<_> = examples.iter().map(|example| example.gold).collect();
    assert_eq!((golds, dataset.dropped_without_label()), (vec![Gold::Score(2.5), Gold::Score(0.25)], 1));
}

#[test]
fn a_dataset_knows_whether_its_rows_have_two_texts() {
    let one = "{\"text\": \"t\", \"label\": 1}\n";
    let two = "{\"premise\": \"t\", \"hypothesis\": \"u\", \"label\": 1}\n";
    let [one, two] = [one, two].map(|content| load_as("d.jsonl", content, &spec()).unwrap());
    assert!(!one.0.has_pairs() && two.0.has_pairs());
    let held = |examples| Dataset::in_memory("d", Task::Classification, Vec::new(), examples).has_pairs();
    assert!(!held(one.1) && held(two.1));
}

#[test]
fn files_that_are_none() {
    assert_eq!(load_as("d.jsonl", "\n \n", &spec()).unwrap_err(), "`d.jsonl` has no rows");
    assert_eq!(load_as("d.csv", "text,label\n", &spec()).unwrap_err(), "`d.csv` has no rows");
    let message = load_as("d.xlsx", "x", &spec()).unwrap_err();
    assert_eq!(message, "`d.xlsx` is no dataset file that gatecheck can read");
    let message = load_as("d.parquet", "not parquet", &spec()).unwrap_err();
    assert_eq!(message, "failed to parse `d.parquet`");
    for name in ["/nonexistent.jsonl", "/nonexistent.parquet", "/nonexistent"] {
        let error = load(&spec(), &[name.into()]).unwrap_err();
        assert!(matches!(error, DatasetError::File(_)), "{name}: {error}");
    }
    assert_eq!(load(&spec(), &[]).unwrap_err().to_string(), "dataset `nli` has no files");
}

#[test]
fn a_column_may_be_missing_from_the_first_lines() {
    let mut content = "{\"text\": \"t\"}\n".repeat(300);
    content.push_str("{\"text\": \"u\", \"label\": 1}\n");
    let (dataset, examples) = load_as("d.jsonl", content, &spec()).unwrap();
    assert_eq!((examples.len(), dataset.dropped_without_label()), (1, 300));
}
