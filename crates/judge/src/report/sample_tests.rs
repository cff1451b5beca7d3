//! The committed schema and sample are what this build writes. `GATECHECK_BLESS=1` rewrites them.

use std::path::{Path, PathBuf};

use gatecheck_base::fs;

use super::{Report, matrix, render_all, schema_json, table};
use crate::{
    fixture,
    record::{self, COLUMNS, RECORD},
};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports").join(name)
}

/// Compares with the committed file, or rewrites it when asked to.
fn check(name: &str, bytes: &[u8]) {
    let path = committed(name);
    if std::env::var_os("GATECHECK_BLESS").is_some_and(|value| value == "1") {
        fs::write_atomic(&path, bytes).unwrap();
    }
    let found = fs::read(&path).unwrap();
    let [found, written] = [&found, bytes].map(String::from_utf8_lossy);
    assert!(found == written, "`{}` is out of date: run the tests with GATECHECK_BLESS=1", path.display());
}

#[test]
fn schema_is_the_committed_one() {
    check("schema.json", schema_json().unwrap().as_bytes());
}

#[test]
fn matrix_is_the_committed_one() {
    check("matrix.schema.json", matrix::schema_json().unwrap().as_bytes());
    let sample = matrix::tests::sample();
    for (name, bytes) in matrix::render(&sample).unwrap() {
        check(&format!("sample/{name}"), &bytes);
    }
    check("sample/matrix.txt", matrix::table::render(&sample).as_bytes());
    let schema = serde_json::from_str(&matrix::schema_json().unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for matrix in [&sample, &matrix::Matrix::new(&[])] {
        let (_, bytes) = matrix::render(matrix).unwrap().swap_remove(0);
        let document = serde_json::from_slice(&bytes).unwrap();
        let offences: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(offences.is_empty(), "{offences:?}");
    }
    assert!(!validator.is_valid(&serde_json::json!({ "schema_version": 1 })));
}

#[test]
fn sample_is_the_committed_one() {
    let (folder, mut record) = (tempfile::tempdir().unwrap(), fixture::record());
    record::write(folder.path(), &mut record).unwrap();
    for name in [RECORD, COLUMNS] {
        check(&format!("sample/{name}"), &fs::read(&folder.path().join(name)).unwrap());
    }
    let read = record::read(&committed("sample")).unwrap();
    assert_eq!(read, record, "a record survives the disk");
    for (name, bytes) in render_all(&read).unwrap() {
        check(&format!("sample/{name}"), &bytes);
    }
    check("sample/report.txt", table::render(&Report::new(&read, &read.policy)).as_bytes());
}

#[test]
fn reports_keep_to_the_schema() {
    let schema = serde_json::from_str(&schema_json().unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut no_arms = fixture::record();
    no_arms.arms.clear();
    let whole = [fixture::record(), fixture::two_arms(), fixture::similarity(), no_arms];
    let broken = [fixture::empty(), fixture::killed(0), fixture::killed(2)];
    let single = [fixture::record(), fixture::similarity()].map(|record| fixture::shortened(record, 1));
    for record in whole.iter().chain(&broken).chain(&single) {
        let (_, bytes) = render_all(record).unwrap().swap_remove(0);
        let report = serde_json::from_slice(&bytes).unwrap();
        let offences: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(offences.is_empty(), "{offences:?}");
    }
    assert!(!validator.is_valid(&serde_json::json!({ "schema_version": 1 })));
}
