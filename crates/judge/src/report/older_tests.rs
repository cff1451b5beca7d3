//! Records of older format versions still give the numbers that the programs of their time gave. The files in
//! `tests/records` were written by those programs: the record, and the table that it was shown as.

use std::path::Path;

use gatecheck_base::fs::read_text;

use super::{Exporter, Report, markdown::Markdown, table};
use crate::{record, task::Task};

fn report(name: &str) -> (Report, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records").join(name);
    let record = record::read(&folder).unwrap();
    (Report::new(&record, &record.policy), read_text(&folder.join("report.txt")).unwrap())
}

#[test]
fn version_1_reads_as_labels_that_met_by_name() {
    let (report, shown) = report("version-1");
    assert_eq!((report.dataset.task, report.dataset.labels.is_none()), (Task::Classification, true));
    assert_eq!(table::render(&report), shown);
}

#[test]
fn version_2_knew_zero_shot_questions_as_classifications() {
    let (report, shown) = report("version-2-zero-shot");
    assert_eq!(report.dataset.task, Task::ZeroShot);
    assert_eq!(table::render(&report), shown);
}

#[test]
fn version_2_named_libraries_without_their_arms() {
    let (report, _) = report("version-2-similarity");
    assert!(report.arms.iter().all(|arm| arm.engine.is_none()));
    let page = String::from_utf8(Markdown.serialize(&report).unwrap()).unwrap();
    assert!(page.contains("\n| libraries | candle: accelerate; mlx: metal |\n"), "{page}");
    assert!(!page.contains("\n| candle | candle"), "{page}");
}

#[test]
fn version_2_called_the_gate_of_a_correlation_accuracy() {
    let (report, shown) = report("version-2-similarity");
    assert!(shown.contains("\naccuracy  inconclusive"));
    assert_eq!(table::render(&report), shown.replace("\naccuracy  ", "\nspearman  "));
}
