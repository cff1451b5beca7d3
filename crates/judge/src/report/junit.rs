//! `junit.xml`: one suite per cell, one case per gate.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Exporter, Report, ReportError, view};
use crate::gate::{GateResult, Verdict};

/// The report as JUnit XML. [`view::plain`] takes out what XML forbids, the writer escapes the rest.
pub(super) struct Junit;

impl Exporter for Junit {
    fn serialize(&self, report: &Report) -> Result<Vec<u8>, ReportError> {
        let mut document = quick_junit::Report::new("gatecheck");
        document.add_test_suite(suite(report));
        Ok(document.to_string()?.into_bytes())
    }
}

fn suite(report: &Report) -> TestSuite {
    let (model, dataset) = (&report.model.name, &report.dataset);
    let mut suite = TestSuite::new(view::plain(&format!("{model} on {} {}", dataset.name, dataset.split)));
    suite.set_time(Duration::try_from_secs_f64(report.wall_s).unwrap_or_default());
    suite.add_property(("verdict", report.verdict.words()));
    for gate in &report.gates {
        suite.add_test_case(case(
            report,
            &view::gate_name(report, gate),
            &gate.arm,
            status(report.policy.strict, gate),
        ));
    }
    // A run in which nothing was judged must not look green.
    let is_bad =
        |gate: &&GateResult| matches!(status(report.policy.strict, gate), TestCaseStatus::NonSuccess { .. });
    if report.verdict != Verdict::Pass && !report.gates.iter().any(|gate| is_bad(&gate)) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message("nothing was judged").set_type(report.verdict.words());
        suite.add_test_case(case(report, "verdict", "run", status));
    }
    suite
}

fn case(report: &Report, name: &str, arm: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(view::plain(name), status);
    case.set_classname(view::plain(&format!("{}.{}.{arm}", report.model.name, report.dataset.name)));
    case
}

/// What a gate is to a CI.
pub(super) fn status(strict: bool, gate: &GateResult) -> TestCaseStatus {
    let mut status = match gate.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail | Verdict::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotJudged if strict => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::NotJudged => TestCaseStatus::skipped(),
    };
    status.set_message(view::plain(&gate.reason)).set_type(gate.verdict.words());
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::RunRecord;

    fn xml(record: &RunRecord) -> String {
        String::from_utf8(Junit.serialize(&Report::new(record, &record.policy)).unwrap()).unwrap()
    }

    fn on_cpu(strict: bool) -> RunRecord {
        let mut record = fixture::record();
        record.arms[2].sessions[0].device = "cpu".to_owned();
        record.policy.strict = strict;
        record
    }

    #[test]
    fn a_case_per_gate() {
        let text = xml(&fixture::record());
        assert!(text.contains("tests=\"3\"") && text.contains("failures=\"0\""), "{text}");
        assert!(text.contains("<testcase name=\"accuracy\" classname=\"synthetic-nli.synthetic.mlx-q8\""));
    }

    #[test]
    fn verdicts_have_their_elements() {
        assert!(xml(&on_cpu(false)).contains("<skipped message=\"`mlx-q8` ran on the CPU"));
        assert!(xml(&on_cpu(true)).contains("<failure message=\"`mlx-q8` ran on the CPU"));
        assert!(xml(&fixture::killed(2)).contains("errors=\"3\""));
        let few = xml(&fixture::shortened(fixture::record(), 5));
        assert!(few.contains("type=\"inconclusive\"") && few.contains("failures=\"1\""), "{few}");
    }

    #[test]
    fn nothing_judged_is_not_green() {
        let mut record = fixture::record();
        record.arms.clear();
        let text = xml(&record);
        assert!(text.contains("name=\"verdict\"") && text.contains("failures=\"1\""), "{text}");
    }

    #[test]
    fn hostile_names_are_escaped() {
        let mut record = fixture::killed(2);
        record.model.name = "<&\"'>]]>\u{0}\u{1b}[31m\u{fffe}".to_owned();
        record.arms[2].failure.as_mut().unwrap().message = "</testcase><x y='\u{8}'/>".to_owned();
        let text = xml(&record);
        assert!(text.contains("&lt;/testcase&gt;") && text.contains("name=\"&lt;&amp;&quot;"), "{text}");
        let forbidden = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{fffe}';
        assert!(!text.contains(forbidden), "{text:?}");
    }
}
