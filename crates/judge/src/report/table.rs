//! The result on a terminal: plain text, no colour.

use super::{Report, notes::notes, view};

/// The arms side by side, the comparisons, one line per gate, and the verdict.
pub fn render(report: &Report) -> String {
    let model = view::plain(&report.model.name);
    let dataset = view::plain(&format!("{} {}", report.dataset.name, report.dataset.split));
    let rows = report.dataset.rows;
    let mut text = format!("{model} on {dataset}, {rows} examples\n\n");
    let notes = notes(report);
    notes.iter().for_each(|note| text += &format!("note: {}\n", view::plain(note)));
    if !notes.is_empty() {
        text.push('\n');
    }
    let arms: Vec<&str> = report.arms.iter().map(|arm| arm.name.as_str()).collect();
    text += &grid(&arms, &view::arm_rows(report));
    if let Some(note) = view::footnote(report) {
        text += &format!("{note}\n");
    }
    if !report.comparisons.is_empty() {
        let arms: Vec<&str> = report.comparisons.iter().map(|comparison| comparison.arm.as_str()).collect();
        text += &format!("\nbeside {}\n{}", baseline(report), grid(&arms, &view::comparison_rows(report)));
    }
    view::gain_lines(report).iter().for_each(|line| text += &format!("{}\n", view::plain(line)));
    text += &format!("\n{}", gates(report));
    report.warnings.iter().for_each(|warning| text += &format!("warning: {}\n", view::plain(warning)));
    text
}

fn baseline(report: &Report) -> String {
    report.comparisons.first().map_or(String::new(), |comparison| view::plain(&comparison.baseline))
}

/// One line per gate, then the verdict of the run.
pub fn gates(report: &Report) -> String {
    let names: Vec<String> =
        report.gates.iter().map(|gate| view::plain(&view::gate_name(report, gate))).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("verdict".len());
    let lines = report.gates.iter().zip(&names).map(|(gate, name)| {
        let (verdict, reason) = (gate.verdict.words(), view::plain(&gate.reason));
        format!("{name:width$}  {verdict:12}  {reason}\n")
    });
    let verdict = view::verdict(report);
    lines.chain([format!("{:width$}  {verdict}\n", "verdict")]).collect()
}

/// Columns padded to their widest cell.
fn grid(arms: &[&str], rows: &[view::Row]) -> String {
    let header = [""].into_iter().chain(arms.iter().copied()).map(view::plain).collect();
    let body = rows.iter().map(|row| {
        let cells = row.cells.iter().map(|cell| view::plain(cell));
        [row.label.clone()].into_iter().chain(cells).collect()
    });
    let lines: Vec<Vec<String>> = [header].into_iter().chain(body).collect();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..=arms.len()).map(width).collect();
    let join = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn columns_line_up() {
        let rows = [view::Row { label: "size".to_owned(), cells: vec!["1".to_owned(), "22".to_owned()] }];
        assert_eq!(grid(&["candle", "q"], &rows), "      candle  q\nsize  1       22\n");
    }

    #[test]
    fn a_line_per_gate() {
        let record = fixture::record();
        let text = gates(&Report::new(&record, &record.policy));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "accuracy  pass          the drop is at most 0.0078 (95 % interval), limit 0.015"
        );
        assert!(lines[1].starts_with("speed     pass "));
        assert_eq!(lines[3], "verdict   pass");
    }

    #[test]
    fn notes_come_first() {
        let record = fixture::zero_shot();
        let text = render(&Report::new(&record, &record.policy));
        assert!(text.contains("600 examples\n\nnote: zero-shot: "), "{text}");
        assert!(text.contains("\nrecall Sci/Tech  "), "{text}");
    }

    #[test]
    fn hostile_names_steer_no_terminal() {
        let mut record = fixture::killed(2);
        record.model.name = "\u{1b}]0;owned\u{7}".to_owned();
        record.arms[1].name = "mlx\n\u{1b}[2J".to_owned();
        record.dataset.labels.as_mut().unwrap().names[0] = "\u{1b}[31mred".to_owned();
        record.arms[2].failure.as_mut().unwrap().message = "a\rb".to_owned();
        let text = render(&Report::new(&record, &record.policy));
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text}");
    }

    #[test]
    fn without_arms_there_is_still_a_verdict() {
        let mut record = fixture::record();
        record.arms.clear();
        assert!(render(&Report::new(&record, &record.policy)).contains("verdict  not judged\n"));
    }
}
