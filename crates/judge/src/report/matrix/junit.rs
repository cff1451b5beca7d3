//! `matrix-junit.xml`: one suite per cell, one case per gate.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Matrix, MatrixCell};
use crate::{
    gate::Verdict,
    report::{ReportError, junit, view::plain},
};

pub(super) fn serialize(matrix: &Matrix) -> Result<Vec<u8>, ReportError> {
    let mut document = quick_junit::Report::new("gatecheck");
    document.add_test_suites(matrix.cells.iter().map(suite));
    Ok(document.to_string()?.into_bytes())
}

fn suite(cell: &MatrixCell) -> TestSuite {
    let split = cell.split.as_ref().map(|split| format!(" {split}")).unwrap_or_default();
    let mut suite = TestSuite::new(plain(&format!("{} on {}{split}", cell.model, cell.dataset)));
    suite.add_property(("verdict", cell.verdict.words()));
    let several = cell.candidates.len() > 1;
    let gates = cell.candidates.iter().flat_map(|candidate| &candidate.gates);
    let mut is_bad = false;
    for gate in gates {
        let name = if several { format!("{} ({})", gate.name, gate.arm) } else { gate.name.clone() };
        let status = junit::status(cell.strict, gate);
        is_bad |= matches!(status, TestCaseStatus::NonSuccess { .. });
        suite.add_test_case(case(cell, &name, &gate.arm, status));
    }
    // What was not judged must not look green.
    if cell.verdict != Verdict::Pass && !is_bad {
        let kind = if cell.error.is_some() { NonSuccessKind::Error } else { NonSuccessKind::Failure };
        let mut status = TestCaseStatus::non_success(kind);
        let message = cell.error.as_deref().unwrap_or("nothing was judged");
        status.set_message(plain(message)).set_type(cell.verdict.words());
        suite.add_test_case(case(cell, "verdict", "run", status));
    }
    suite
}

fn case(cell: &MatrixCell, name: &str, arm: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(plain(name), status);
    case.set_classname(plain(&format!("{}.{}.{arm}", cell.model, cell.dataset)));
    case
}
