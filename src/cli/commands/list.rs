//! `models` and `datasets`: what is configured, and whether this version can run it.

use crate::{
    cli::{args::ListArgs, error::CliError, printer::Printer, resolve::Resolver},
    gate::exit_code,
};

pub(crate) fn models(args: &ListArgs, printer: Printer) -> Result<u8, CliError> {
    let resolver = Resolver::new(&args.config, printer)?;
    let rows = resolver.config().models().map(|(file, model)| {
        let quantization = &model.quantization;
        let bits = quantization.bits.map_or_else(|| "8".to_owned(), |bits| bits.to_string());
        let size = quantization.target_mb().map_or_else(|| "auto".to_owned(), |size| format!("{size} MB"));
        let [name, id, task] = [&model.name, &model.hf_name, &model.task].map(String::clone);
        [name, id, task, bits, size, model.benchmarks.join(" "), file.to_owned()]
    });
    let header = ["name", "Hub id", "task", "bits", "target size", "benchmarks", "configured in"];
    printer.result(&table(&header, &rows.collect::<Vec<_>>()));
    Ok(exit_code::PASS)
}

pub(crate) fn datasets(args: &ListArgs, printer: Printer) -> Result<u8, CliError> {
    let resolver = Resolver::new(&args.config, printer)?;
    let rows = resolver.config().datasets().map(|(name, file, dataset)| {
        let subset = dataset.subset.as_ref().map(|subset| format!(" ({subset})")).unwrap_or_default();
        let labels =
            dataset.label_names.as_ref().map_or_else(|| "scores".to_owned(), |names| names.join(" "));
        let source = format!("{}{subset}", dataset.name);
        [name.to_owned(), source, dataset.default_split().to_owned(), labels, file.to_owned()]
    });
    let header = ["name", "source", "split", "labels", "configured in"];
    printer.result(&table(&header, &rows.collect::<Vec<_>>()));
    Ok(exit_code::PASS)
}

/// Left-aligned columns, two spaces apart.
fn table<const N: usize>(header: &[&str; N], rows: &[[String; N]]) -> String {
    let header = header.map(str::to_owned);
    let lines: Vec<&[String; N]> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String; N]| {
        let padded: Vec<_> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    lines.into_iter().map(line).collect()
}
