//! `report.md`.

use super::{Exporter, Report, ReportError, notes::notes, view};

/// The report as GitHub-flavoured Markdown.
pub(super) struct Markdown;

impl Exporter for Markdown {
    fn serialize(&self, report: &Report) -> Result<Vec<u8>, ReportError> {
        let sections = [heading(report), gates(report), arms(report), comparisons(report)];
        let ends = [environment(report), warnings(report)];
        let sections: Vec<String> =
            sections.into_iter().chain(ends).filter(|text| !text.is_empty()).collect();
        Ok(sections.join("\n").into_bytes())
    }
}

/// Foreign text as plain words of a paragraph or cell: it can neither end the cell nor start
/// markup, HTML or a mention.
pub fn escape(foreign: &str) -> String {
    let mut text = String::new();
    for letter in view::plain(foreign).chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '@' => text.push_str("&#64;"),
            '`' => text.push_str("&#96;"),
            '|' => text.push_str("&#124;"),
            '\\' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '$' => text.extend(['\\', letter]),
            _ => text.push(letter),
        }
    }
    text
}

/// A table of foreign cells.
pub(super) fn table(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = format!("|{}\n", " --- |".repeat(header.len()));
    [line(header), rule].into_iter().chain(rows.map(|row| line(&row))).collect()
}

fn heading(report: &Report) -> String {
    let (model, dataset) = (&report.model, &report.dataset);
    let (name, set, split) = (escape(&model.name), escape(&dataset.name), escape(&dataset.split));
    let (architecture, rows) = (escape(&model.architecture), dataset.rows);
    let (verdict, code) = (view::verdict(report), report.exit_code);
    let confidence = report.settings.confidence * 100.0;
    let notes: String =
        notes(report).into_iter().map(|note| format!("\nNote: {}.\n", escape(&note))).collect();
    format!(
        "# {name} on {set} {split}: {verdict}\n\n{architecture}, {} parameters; {rows} examples; exit code {code}. \
         Intervals have {confidence} % confidence.\n{notes}",
        gatecheck_base::text::thousands(model.parameters)
    )
}

fn gates(report: &Report) -> String {
    if report.gates.is_empty() {
        return "## Gates\n\nNothing was judged.\n".to_owned();
    }
    let header = ["gate", "verdict", "reason"].map(str::to_owned);
    let rows = report.gates.iter().map(|gate| {
        vec![view::gate_name(report, gate), gate.verdict.words().to_owned(), gate.reason.clone()]
    });
    format!("## Gates\n\n{}", table(&header, rows))
}

fn grid(first: &str, columns: Vec<String>, rows: Vec<view::Row>) -> String {
    let header: Vec<String> = [first.to_owned()].into_iter().chain(columns).collect();
    table(&header, rows.into_iter().map(|view::Row { label, cells }| [vec![label], cells].concat()))
}

fn arms(report: &Report) -> String {
    let names = report.arms.iter().map(|arm| arm.name.clone()).collect();
    let note = view::footnote(report).map_or(String::new(), |note| format!("\n{}\n", escape(&note)));
    let failures = report.arms.iter().filter_map(|arm| {
        let failure = arm.failure.as_ref()?;
        let (name, phase, message) = (&arm.name, &failure.phase, &failure.message);
        Some(format!("\n{}\n", escape(&format!("{name} failed in {phase}: {message}"))))
    });
    format!("## Arms\n\n{}{note}{}", grid("", names, view::arm_rows(report)), failures.collect::<String>())
}

fn comparisons(report: &Report) -> String {
    let Some(first) = report.comparisons.first() else { return String::new() };
    let names = report.comparisons.iter().map(|comparison| comparison.arm.clone()).collect();
    let first = format!("beside {}", first.baseline);
    let gains = view::gain_lines(report).into_iter().map(|line| format!("\n{}\n", escape(&line)));
    format!(
        "## Comparison\n\n{}{}",
        grid(&first, names, view::comparison_rows(report)),
        gains.collect::<String>()
    )
}

fn environment(report: &Report) -> String {
    let machine = &report.environment;
    let load = |load: Option<f64>| load.map_or(view::MISSING.to_owned(), view::ratio);
    let virtualised =
        machine.virtualised.map_or("unknown", |virtualised| if virtualised { "yes" } else { "no" });
    let mut rows = vec![
        ("system", format!("{} {}", machine.os, machine.arch)),
        (
            "CPU",
            format!("{}, {} cores, {} threads per arm", machine.cpu, machine.cores, report.settings.threads),
        ),
        ("memory (MB)", gatecheck_base::text::thousands(machine.memory_bytes / 1_000_000)),
        ("virtual machine", virtualised.to_owned()),
        ("load before, after", format!("{}, {}", load(machine.load_before), load(machine.load_after))),
        ("power", machine.power.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("gatecheck", format!("{}, seed {}", report.tool_version, report.seed)),
    ];
    // Older records do not say which arm a library belongs to.
    if !machine.libraries.is_empty() {
        rows.push(("libraries", machine.libraries.join("; ")));
    }
    for arm in &report.arms {
        rows.extend(arm.engine.as_ref().map(|engine| (arm.name.as_str(), engine.to_string())));
    }
    let header = ["environment", ""].map(str::to_owned);
    let rows = rows.into_iter().map(|(label, cell)| vec![label.to_owned(), cell]);
    format!("## Environment\n\n{}", table(&header, rows))
}

fn warnings(report: &Report) -> String {
    if report.warnings.is_empty() {
        return String::new();
    }
    let lines = report.warnings.iter().map(|warning| format!("- {}\n", escape(warning)));
    format!("## Warnings\n\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::RunRecord;

    fn markdown(record: &RunRecord) -> String {
        String::from_utf8(Markdown.serialize(&Report::new(record, &record.policy)).unwrap()).unwrap()
    }

    #[test]
    fn every_section_is_there() {
        let text = markdown(&fixture::record());
        assert!(text.starts_with("# synthetic-nli on synthetic validation: pass\n"), "{text}");
        for section in ["## Gates", "## Arms", "## Comparison", "## Environment", "## Warnings"] {
            assert!(text.contains(&format!("\n{section}\n")), "{section}");
        }
        assert!(text.contains("| accuracy | pass | the drop is at most 0.0078"));
    }

    #[test]
    fn hostile_names_stay_words() {
        let escaped = escape("a|b`c\n<script>&@you [x](y) *z* _w_ #1 \\");
        let expected = "a&#124;b&#96;c &lt;script&gt;&amp;&#64;you \\[x\\](y) \\*z\\* \\_w\\_ \\#1 \\\\";
        assert_eq!(escaped, expected);
        let mut record = fixture::killed(2);
        record.model.name = "x\n# pass\n<img src=x>".to_owned();
        record.arms[2].name = "a | b".to_owned();
        record.warnings = vec!["- one\n- two".to_owned()];
        let text = markdown(&record);
        assert!(!text.contains("<img") && !text.contains("\n# pass"));
        let widths = |section: &str| -> Vec<usize> {
            let table = text.split(section).nth(1).unwrap().trim_start();
            let lines = table.lines().take_while(|line| line.starts_with('|'));
            lines.map(|line| line.matches('|').count()).collect()
        };
        assert!(widths("## Arms").iter().all(|width| *width == 5), "{text}");
        assert!(widths("## Gates").iter().all(|width| *width == 4), "{text}");
    }

    #[test]
    fn folds_are_told() {
        let text = markdown(&fixture::folded());
        assert!(text.contains("\nNote: the dataset tells two relations"), "{text}");
        assert!(text.contains("as &#96;not\\_entailment&#96;.\n"), "{text}");
        assert!(text.contains("| recall not\\_entailment | 0.9500 |"), "{text}");
    }

    #[test]
    fn nothing_judged_is_said() {
        let mut record = fixture::record();
        record.arms.clear();
        assert!(markdown(&record).contains("Nothing was judged."));
    }
}
