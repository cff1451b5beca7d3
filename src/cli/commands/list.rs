//! `models` and `datasets`: what is configured, what it needs, and what is here already.

use gatecheck_judge::{gate::exit_code, report::view::plain};
use serde::Serialize;

use crate::{
    app::{
        catalogue::{DatasetLine, ModelLine, Stored, dataset_lines, model_lines},
        config::Config,
    },
    cli::{
        args::{ListArgs, ModelsArgs},
        error::CliError,
        printer::Printer,
    },
};

/// What stands in an empty cell.
const NOTHING: &str = "–";

pub(crate) fn models(args: &ModelsArgs, printer: Printer) -> Result<u8, CliError> {
    let lines = model_lines(&Config::load(&args.list.config)?, &args.output_dir)?;
    if args.list.json {
        return show_json("models", &lines, printer);
    }
    let rows: Vec<_> = lines.iter().map(model_row).collect();
    let header = [
        "name",
        "Hub id",
        "task",
        "architecture",
        "bits",
        "target size",
        "benchmarks",
        "cached",
        "converted",
        "configured in",
    ];
    printer.result(&table(&header, &rows))?;
    for line in &lines {
        if let Some(problem) = &line.problem {
            printer.result(&format!("{}: {}\n", plain(&line.name), plain(problem)))?;
        }
    }
    Ok(exit_code::PASS)
}

pub(crate) fn datasets(args: &ListArgs, printer: Printer) -> Result<u8, CliError> {
    let lines = dataset_lines(&Config::load(&args.config)?)?;
    if args.json {
        return show_json("datasets", &lines, printer);
    }
    let rows: Vec<_> = lines.iter().map(dataset_row).collect();
    let header =
        ["name", "source", "task", "columns", "labels", "split", "other splits", "cached", "configured in"];
    printer.result(&table(&header, &rows))?;
    Ok(exit_code::PASS)
}

fn show_json<T: Serialize>(key: &str, lines: &[T], printer: Printer) -> Result<u8, CliError> {
    let text = serde_json::to_string_pretty(&serde_json::json!({ key: lines }))
        .map_err(|error| CliError::failed(format!("failed to write JSON: {error}"), None))?;
    printer.result(&format!("{text}\n"))?;
    Ok(exit_code::PASS)
}

fn model_row(line: &ModelLine) -> [String; 10] {
    let target = line.target_size_mb.map_or_else(|| "auto".to_owned(), |size| format!("{size} MB"));
    [
        line.name.clone(),
        line.hub_id.clone(),
        or_nothing(&line.task),
        or_nothing(line.architecture.as_deref().unwrap_or_default()),
        line.bits.to_string(),
        target,
        or_nothing(&line.benchmarks.join(" ")),
        megabytes(line.cached.as_ref()),
        or_nothing(&line.converted.iter().map(stored).collect::<Vec<_>>().join(", ")),
        line.configured_in.clone(),
    ]
}

fn dataset_row(line: &DatasetLine) -> [String; 9] {
    let subset = line.subset.as_ref().map(|subset| format!(" ({subset})")).unwrap_or_default();
    let splits = line.splits.iter().filter(|split| **split != line.split);
    let splits: Vec<&str> = splits.map(String::as_str).collect();
    [
        line.name.clone(),
        format!("{}{subset}", line.source),
        line.task.clone().unwrap_or_default(),
        line.columns.join(" "),
        line.labels.join(" "),
        line.split.clone(),
        splits.join(" "),
        line.cached.iter().map(stored).collect::<Vec<_>>().join(", "),
        line.configured_in.clone(),
    ]
    .map(|cell| or_nothing(&cell))
}

fn or_nothing(cell: &str) -> String {
    if cell.is_empty() { NOTHING.to_owned() } else { cell.to_owned() }
}

fn megabytes(stored: Option<&Stored>) -> String {
    stored.map_or_else(|| NOTHING.to_owned(), |stored| format!("{:.1} MB", stored.size_mb))
}

fn stored(stored: &Stored) -> String {
    format!("{} {:.1} MB", stored.name, stored.size_mb)
}

/// Left-aligned columns, two spaces apart.
fn table<const N: usize>(header: &[&str; N], rows: &[[String; N]]) -> String {
    let header = header.map(str::to_owned);
    let lines: Vec<[String; N]> =
        std::iter::once(&header).chain(rows).map(|line| line.clone().map(|cell| plain(&cell))).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String; N]| {
        let padded: Vec<_> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}
