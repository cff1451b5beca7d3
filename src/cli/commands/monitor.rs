//! `monitor`: how far runs and pipelines have come.

use std::{
    io::IsTerminal,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use clap::Args;
use gatecheck_base::text::{duration, megabytes, time_of_day, visible};
use gatecheck_judge::{gate::exit_code, report::view::MISSING};
use ratatui::{
    Frame,
    crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    layout::{Constraint, Layout},
    style::Stylize,
    widgets::{Block, Paragraph, Row as Line, Table, Wrap},
};

use crate::{
    app::{
        defaults,
        monitor::{Monitor, Row, Snapshot},
        pipeline::Place,
    },
    cli::{error::CliError, printer::Printer},
};

/// Arguments of `monitor`.
#[derive(Debug, Args)]
pub(crate) struct MonitorArgs {
    /// Folders of reports or runs [default: reports, and that of the pipeline's logs]
    #[arg(value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Seconds between two looks; a terminal is drawn again every second
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) interval: u64,
    /// Look once, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print one JSON object a look
    #[arg(long)]
    pub(crate) json: bool,
}

/// The names of the columns.
const HEADER: [&str; 8] = ["model", "dataset", "stage", "done", "rate", "left", "memory", "last line"];

pub(crate) fn monitor(args: &MonitorArgs, printer: Printer) -> Result<u8, CliError> {
    let mut folders = args.folders.clone();
    if folders.is_empty() {
        folders = vec![PathBuf::from(defaults::REPORTS), Place::from_env().folder().to_owned()];
    }
    let mut monitor = Monitor::new(folders);
    if !args.once && !args.json && std::io::stdout().is_terminal() {
        return on_terminal(&mut monitor);
    }
    loop {
        let snapshot = monitor.look();
        let text = if args.json {
            let text = serde_json::to_string(&snapshot);
            text.map_err(|error| CliError::failed(format!("failed to write JSON: {error}"), None))? + "\n"
        } else {
            told(&snapshot)
        };
        printer.result(&text)?;
        if args.once || !snapshot.at_work {
            return Ok(exit_code::PASS);
        }
        sleep(Duration::from_secs(args.interval));
    }
}

/// The snapshot as lines.
fn told(snapshot: &Snapshot) -> String {
    let mut text = format!("{} {}\n", time_of_day(snapshot.unix_s), heading(snapshot));
    for row in &snapshot.rows {
        let cells = cells(row);
        let cells = HEADER[3..].iter().zip(&cells[3..]).filter(|(_, cell)| *cell != MISSING);
        let cells: String = cells.map(|(name, cell)| format!(", {name} {cell}")).collect();
        text += &format!("  {}: {}{cells}\n", subject(row), row.stage);
    }
    snapshot.lines.iter().for_each(|line| text += &format!("  | {line}\n"));
    text
}

fn heading(snapshot: &Snapshot) -> String {
    match (&snapshot.pipeline, snapshot.at_work) {
        _ if snapshot.rows.is_empty() && snapshot.pipeline.is_none() => {
            "there is nothing to watch".to_owned()
        }
        (Some(command), true) => format!("at work: {command}"),
        (Some(command), false) => format!("nothing is at work; last was {command}"),
        (None, true) => "at work".to_owned(),
        (None, false) => "nothing is at work".to_owned(),
    }
}

fn subject(row: &Row) -> String {
    match (row.model.as_str(), row.dataset.as_str()) {
        ("", dataset) => dataset.to_owned(),
        (model, "") => model.to_owned(),
        (model, dataset) => format!("{model} on {dataset}"),
    }
}

/// The cells of a row, in the order of [`HEADER`].
fn cells(row: &Row) -> [String; 8] {
    let missing = || MISSING.to_owned();
    let count = |count: u64| match row.unit {
        "bytes" => format!("{:.1} MB", megabytes(count)),
        unit => format!("{count} {unit}"),
    };
    let done = row.done.map(|done| match row.total {
        Some(total) => format!("{} % of {}", done * 100 / total.max(1), count(total)),
        None => count(done),
    });
    let rate = row.rate.map(|rate| match row.unit {
        "bytes" => format!("{:.1} MB/s", rate / 1e6),
        unit => format!("{rate:.0} {unit}/s"),
    });
    [
        row.model.clone(),
        row.dataset.clone(),
        row.stage.clone(),
        done.unwrap_or_else(missing),
        rate.filter(|_| row.at_work).unwrap_or_else(missing),
        row.left_s.filter(|_| row.at_work).map_or_else(missing, duration),
        row.memory_mb.map_or_else(missing, |memory| format!("{memory:.0} MB")),
        row.silent_s.map_or_else(missing, |silent| format!("{} ago", duration(silent))),
    ]
}

/// Draws on the whole terminal until `q`.
fn on_terminal(monitor: &mut Monitor) -> Result<u8, CliError> {
    let failed =
        |error: std::io::Error| CliError::failed(format!("failed to draw on the terminal: {error}"), None);
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let mut drawn = || loop {
        let snapshot = monitor.look();
        terminal.draw(|frame| draw(frame, &snapshot))?;
        if is_left(Instant::now() + Duration::from_secs(1))? {
            return Ok(());
        }
    };
    let outcome = drawn();
    ratatui::restore();
    outcome.map(|()| exit_code::PASS).map_err(failed)
}

/// Whether the user leaves before a moment.
fn is_left(until: Instant) -> std::io::Result<bool> {
    while event::poll(until.saturating_duration_since(Instant::now()))? {
        if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
                KeyCode::Char('c') if with_control => return Ok(true),
                _ => {}
            }
        }
    }
    Ok(false)
}

fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot) {
    let below = snapshot.lines.len() as u16 + 2;
    let areas = Layout::vertical([Constraint::Length(2), Constraint::Min(4), Constraint::Length(below)]);
    let [top, middle, bottom] = areas.areas(frame.area());
    let heading = format!("{}  {}", time_of_day(snapshot.unix_s), visible(&heading(snapshot)));
    frame.render_widget(Paragraph::new(heading).bold(), top);
    let rows: Vec<[String; 8]> =
        snapshot.rows.iter().map(|row| cells(row).map(|cell| visible(&cell).into_owned())).collect();
    let width = |column: usize| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        Constraint::Max(widest.max(HEADER[column].len()) as u16)
    };
    let lines = rows.iter().zip(&snapshot.rows).map(|(cells, row)| {
        let line = Line::new(cells.clone());
        if row.at_work { line.bold() } else { line }
    });
    let table = Table::new(lines, (0..HEADER.len()).map(width)).header(Line::new(HEADER).underlined());
    frame.render_widget(table.column_spacing(2), middle);
    let text = snapshot.lines.iter().map(|line| visible(line).into_owned()).collect::<Vec<_>>().join("\n");
    let last = Paragraph::new(text).wrap(Wrap { trim: true });
    frame.render_widget(last.block(Block::bordered().title("last lines (q quits)")), bottom);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            model: "minilm".to_owned(),
            dataset: "mnli".to_owned(),
            stage: "latency".to_owned(),
            done: Some(331),
            total: Some(1324),
            unit: "queries",
            rate: Some(99.6),
            left_s: Some(9.97),
            memory_mb: Some(412.4),
            silent_s: Some(0.3),
            at_work: true,
        }
    }

    #[test]
    fn a_row_is_a_line() {
        let aside = Row { stage: "waiting".to_owned(), model: "minilm".to_owned(), ..Row::default() };
        let snapshot = Snapshot {
            unix_s: 3_723,
            at_work: true,
            pipeline: Some("gatecheck pipeline".to_owned()),
            rows: vec![row(), aside],
            lines: vec!["busy".to_owned()],
        };
        let expected = "01:02:03 UTC at work: gatecheck pipeline\n  \
                        minilm on mnli: latency, done 25 % of 1324 queries, rate 100 queries/s, left 10 s, memory 412 MB, \
                        last line 0.3 s ago\n  minilm: waiting\n  | busy\n";
        assert_eq!(told(&snapshot), expected);
        let nothing =
            Snapshot { at_work: false, pipeline: None, rows: Vec::new(), lines: Vec::new(), ..snapshot };
        assert_eq!(told(&nothing), "01:02:03 UTC there is nothing to watch\n");
    }

    #[test]
    fn what_rests_has_no_rate() {
        let cells =
            cells(&Row { at_work: false, unit: "bytes", total: None, done: Some(1_500_000), ..row() });
        assert_eq!(cells[3..6], ["1.5 MB".to_owned(), MISSING.to_owned(), MISSING.to_owned()]);
    }

    #[test]
    fn a_terminal_shows_every_row() {
        use ratatui::{Terminal, backend::TestBackend};
        let mut terminal = Terminal::new(TestBackend::new(120, 12)).unwrap();
        let hostile = Row { model: "a\u{1b}[2J".to_owned(), ..row() };
        let snapshot = Snapshot {
            unix_s: 0,
            at_work: true,
            pipeline: None,
            rows: vec![row(), hostile],
            lines: Vec::new(),
        };
        terminal.draw(|frame| draw(frame, &snapshot)).unwrap();
        let shown = terminal.backend().to_string();
        assert!(shown.contains("25 % of 1324 queries") && shown.contains("a\\u001b[2J"), "{shown}");
    }
}
