//! What a matrix says of its cells, in every format.

use super::{Entry, Found, Lack, Matrix, render, table};
use crate::{fixture, gate::Verdict, record::RunRecord, report::Report};

fn report(record: &RunRecord) -> Report {
    Report::new(record, &record.policy)
}

fn lacking(model: &str, dataset: &str, message: &str, exit_code: u8) -> Entry<'static> {
    let found = Found::Lacking(Lack { message: message.to_owned(), exit_code });
    Entry { model: model.to_owned(), dataset: dataset.to_owned(), folder: None, same_as: None, found }
}

fn measured<'a>(model: &str, dataset: &str, report: &'a Report) -> Entry<'a> {
    let folder = Some(format!("reports/{model}-{dataset}"));
    let (model, dataset) = (model.to_owned(), dataset.to_owned());
    Entry { model, dataset, folder, same_as: None, found: Found::Report(report) }
}

/// Two models, the second of which could not be converted.
pub(crate) fn sample() -> Matrix {
    let (nli, sts) = (report(&fixture::record()), report(&fixture::similarity()));
    let same = Some("small on synthetic".to_owned());
    Matrix::new(&[
        measured("small", "synthetic", &nli),
        measured("small", "sts", &sts),
        Entry { same_as: same, ..measured("twin", "synthetic", &nli) },
        lacking("broken", "synthetic", "`broken/model.safetensors` ends before its header does", 3),
    ])
}

fn file(matrix: &Matrix, name: &str) -> String {
    let files = render(matrix).unwrap();
    let (_, bytes) = files.into_iter().find(|(found, _)| *found == name).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_gravest_cell_decides() {
    let pass = report(&fixture::record());
    assert_eq!(pass.verdict, Verdict::Pass);
    let of = |entries: &[Entry<'_>]| {
        let matrix = Matrix::new(entries);
        (matrix.verdict, matrix.exit_code)
    };
    assert_eq!(of(&[measured("a", "d", &pass)]), (Verdict::Pass, 0));
    assert_eq!(of(&[measured("a", "d", &pass), lacking("b", "d", "stopped", 4)]), (Verdict::NotJudged, 4));
    assert_eq!(of(&[lacking("b", "d", "no such class", 2), measured("a", "d", &pass)]), (Verdict::Error, 2));
    assert_eq!(of(&[]), (Verdict::NotJudged, 4));
}

#[test]
fn cells_say_what_their_reports_say() {
    let matrix = sample();
    assert_eq!(matrix.models, ["small", "twin", "broken"]);
    assert_eq!(matrix.datasets, ["synthetic", "sts"]);
    let nli = report(&fixture::record());
    let candidate = &matrix.cell("small", "synthetic").unwrap().candidates[0];
    assert_eq!((candidate.arm.as_str(), candidate.bits), ("mlx-q8", Some(8)));
    assert_eq!(candidate.drop.as_ref(), nli.comparisons[1].drop(nli.metric));
    assert_eq!(candidate.gates, nli.gates);
    assert_eq!(matrix.cell("twin", "sts"), None);
    assert_eq!(matrix.cell("broken", "synthetic").unwrap().exit_code, 3);
}

#[test]
fn every_cell_has_a_row_in_every_format() {
    let matrix = sample();
    assert_eq!(file(&matrix, "matrix.csv").lines().count(), 5);
    let text = file(&matrix, "matrix.md");
    assert!(text.contains("| small | pass | pass |") && text.contains("| broken | error |  |"), "{text}");
    let text = table::render(&matrix);
    assert!(text.contains("twin on synthetic: the same content as small on synthetic"), "{text}");
    assert!(text.ends_with("verdict  error\n"), "{text}");
    let xml = file(&matrix, "matrix-junit.xml");
    assert_eq!((xml.matches("<testsuite ").count(), xml.matches("<error ").count()), (4, 1), "{xml}");
}

#[test]
fn what_was_not_judged_is_not_green() {
    let matrix = Matrix::new(&[lacking("a", "d", "stopped by the user", 4)]);
    assert!(file(&matrix, "matrix-junit.xml").contains("<error message=\"stopped by the user\""));
}

#[test]
fn hostile_names_stay_in_their_cell() {
    let matrix = Matrix::new(&[lacking("=1+1\u{1b}[2J", "a|b\n# x", "</testcase>", 3)]);
    assert!(file(&matrix, "matrix.csv").contains("'=1+1"));
    assert!(file(&matrix, "matrix.md").contains("a&#124;b \\# x"));
    assert!(file(&matrix, "matrix-junit.xml").contains("&lt;/testcase&gt;"));
    assert!(!table::render(&matrix).contains('\u{1b}'));
}
