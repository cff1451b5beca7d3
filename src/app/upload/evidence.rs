//! The record of a run, where it is of this artefact.

use std::path::Path;

use gatecheck_judge::{
    gate::Verdict,
    record::{ArmRecord, Role, RunRecord},
    report::{Format, Report, ReportError},
};
use gatecheck_model::convert::Artefact;

use crate::app::record::{self, RecordError};

/// What a run showed of an artefact.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) report: Report,
    /// The artefact's arm.
    pub(super) arm: String,
}

impl Evidence {
    /// Reads the record in `folder`; what speaks against it is added to `doubts`. A record of something else is no
    /// evidence.
    pub(super) fn read(
        folder: &Path,
        artefact: &Artefact,
        doubts: &mut Vec<String>,
    ) -> Result<Option<Self>, RecordError> {
        let record = record::open(folder)?.record;
        let Some(arm) = arm_of(&record, artefact) else {
            doubts.push(format!("no candidate of the run in `{}` was made by its recipe", folder.display()));
            return Ok(None);
        };
        let evidence = Self { report: Report::new(&record, &record.policy), arm: arm.name.clone() };
        if record.interrupted {
            doubts.push(format!("the run in `{}` is not finished", folder.display()));
        }
        if arm.backend == "mock" {
            doubts.push(format!("in the run in `{}` it was scripted, not measured", folder.display()));
        }
        if let Some(doubt) = evidence.against() {
            doubts.push(doubt);
        }
        Ok(Some(evidence))
    }

    /// Its verdict, where that is no pass.
    fn against(&self) -> Option<String> {
        let gates: Vec<_> = self.report.gates.iter().filter(|gate| gate.arm == self.arm).collect();
        let verdicts: Vec<_> = gates.iter().map(|gate| gate.verdict).collect();
        let verdict = Verdict::overall(&verdicts, self.report.policy.strict);
        (verdict != Verdict::Pass).then_some(())?;
        let unlike = gates.iter().filter(|gate| gate.verdict != Verdict::Pass);
        let reasons: Vec<_> = unlike.map(|gate| format!("{}: {}", gate.name, gate.reason)).collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
        Some(format!("the verdict of its run is `{}`{reasons}", verdict.words()))
    }

    /// The report as a part of another text, its headings two levels down.
    pub(super) fn markdown(&self) -> Result<String, ReportError> {
        let bytes = Format::Markdown.exporter().serialize(&self.report)?;
        let text = String::from_utf8_lossy(&bytes);
        let lower =
            |line: &str| if line.starts_with('#') { format!("##{line}\n") } else { format!("{line}\n") };
        Ok(text.lines().map(lower).collect())
    }
}

/// The candidate that was made by the same recipe from the same files.
fn arm_of<'a>(record: &'a RunRecord, artefact: &Artefact) -> Option<&'a ArmRecord> {
    let recipe = artefact.recipe_sha256()?;
    let same = |arm: &&ArmRecord| arm.recipe_sha256.as_deref() == Some(recipe) && arm.role != Role::Baseline;
    record.arms.iter().find(same)
}

#[cfg(test)]
mod tests {
    use gatecheck_judge::fixture;

    use super::*;

    #[test]
    fn its_own_gates_count_and_no_others() {
        let mut record = fixture::record();
        let arm = record.arms[2].name.clone();
        let against = |record: &RunRecord| {
            let report = Report::new(record, &record.policy);
            Evidence { report, arm: arm.clone() }.against()
        };
        assert_eq!(against(&record), None);
        record.policy.min_speedup = 100.0;
        let failed = against(&record).unwrap();
        assert!(failed.starts_with("the verdict of its run is `fail` (speed: "), "{failed}");
        record.arms.clear();
        assert_eq!(against(&record).unwrap(), "the verdict of its run is `not judged`");
    }

    #[test]
    fn headings_go_down() {
        let record = fixture::record();
        let report = Report::new(&record, &record.policy);
        let text = Evidence { report, arm: String::new() }.markdown().unwrap();
        assert!(text.starts_with("### synthetic-nli on synthetic"), "{text}");
        assert!(text.contains("\n#### Gates\n"), "{text}");
    }
}
