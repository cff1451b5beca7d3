//! Tables by way of polars: CSV and TSV as a whole, Parquet some rows at a time.

use std::{fs::File, io::Cursor, path::Path};

use gatecheck_base::fs;
use polars::prelude::{AnyValue, CsvReadOptions, DataFrame, ParquetReader, PolarsError, SerReader};

use super::{DatasetError, cell::Cell, lines};

/// Rows of a Parquet file that are held at a time.
const ROWS: usize = 1 << 14;

type OnRow<'a> = &'a mut dyn FnMut(Vec<Cell>) -> Result<(), DatasetError>;

pub(super) fn separated_columns(
    path: &Path,
    separator: u8,
    quote: Option<u8>,
) -> Result<Vec<String>, DatasetError> {
    let frame = separated(path, separator, quote)?;
    Ok(frame.get_column_names().iter().map(ToString::to_string).collect())
}

pub(super) fn each_separated_row(
    path: &Path,
    separator: u8,
    quote: Option<u8>,
    names: &[&str],
    on_row: OnRow<'_>,
) -> Result<(), DatasetError> {
    each_row(path, &separated(path, separator, quote)?, names, on_row)
}

pub(super) fn parquet_columns(path: &Path) -> Result<Vec<String>, DatasetError> {
    let schema = parquet(path)?.schema().map_err(parse(path))?;
    Ok(schema.iter_names().map(ToString::to_string).collect())
}

pub(super) fn each_parquet_row(path: &Path, names: &[&str], on_row: OnRow<'_>) -> Result<(), DatasetError> {
    let wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let rows = parquet(path)?.num_rows().map_err(parse(path))?;
    for start in (0..rows).step_by(ROWS) {
        let reader = parquet(path)?.with_columns(Some(wanted.clone())).with_slice(Some((start, ROWS)));
        each_row(path, &reader.finish().map_err(parse(path))?, names, on_row)?;
    }
    Ok(())
}

fn parquet(path: &Path) -> Result<ParquetReader<File>, DatasetError> {
    let file = File::open(path).map_err(|error| fs::FileError::new("open", path, error))?;
    Ok(ParquetReader::new(file))
}

fn parse(path: &Path) -> impl Fn(PolarsError) -> DatasetError {
    |error| DatasetError::Parse { path: path.to_owned(), source: Box::new(error) }
}

fn separated(path: &Path, separator: u8, quote: Option<u8>) -> Result<DataFrame, DatasetError> {
    let bytes = fs::read(path)?;
    let text = lines::text(path, &bytes)?;
    lines::check_records(path, text, separator, quote)?;
    CsvReadOptions::default()
        // Every column as text: a text that looks like a number must stay as it is.
        .with_infer_schema_length(Some(0))
        .map_parse_options(|options| options.with_separator(separator).with_quote_char(quote))
        .into_reader_with_file_handle(Cursor::new(text.as_bytes()))
        .finish()
        .map_err(parse(path))
}

fn each_row(path: &Path, frame: &DataFrame, names: &[&str], on_row: OnRow<'_>) -> Result<(), DatasetError> {
    let series: Vec<_> = names
        .iter()
        .map(|name| Ok(frame.column(name).map_err(parse(path))?.as_materialized_series().rechunk()))
        .collect::<Result<_, DatasetError>>()?;
    let mut columns: Vec<_> = series.iter().map(|column| column.iter()).collect();
    for _ in 0..frame.height() {
        on_row(columns.iter_mut().map(|column| column.next().map_or(Cell::Null, |it| cell(&it))).collect())?;
    }
    Ok(())
}

fn cell(value: &AnyValue) -> Cell {
    match value {
        AnyValue::Null => Cell::Null,
        AnyValue::String(text) => Cell::Text((*text).to_owned()),
        AnyValue::StringOwned(text) => Cell::Text(text.to_string()),
        AnyValue::Boolean(flag) => Cell::Text(flag.to_string()),
        value if value.dtype().is_integer() => value.extract::<i64>().map_or(Cell::Null, Cell::Whole),
        value if value.dtype().is_float() => match value.extract::<f64>() {
            // pandas writes a missing label as NaN.
            Some(number) if !number.is_nan() => Cell::Real(number),
            _ => Cell::Null,
        },
        value => Cell::Other(format!("a value of type {}", value.dtype())),
    }
}
