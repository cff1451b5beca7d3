//! Files into examples. The only place that knows polars.

use std::{
    fs::File,
    io::Cursor,
    path::{Path, PathBuf},
};

use gatecheck_base::fs;
use polars::prelude::{
    AnyValue, CsvReadOptions, DataFrame, JsonFormat, JsonReader, ParquetReader, PolarsError, SerReader,
};

use super::{
    Dataset, DatasetError, DatasetSpec,
    cell::Cell,
    columns,
    labels::{self, Row},
    lines,
};

/// Reads `files`, one split in several shards or one file, and drops the rows without a label.
pub fn load(spec: &DatasetSpec, files: &[PathBuf]) -> Result<Dataset, DatasetError> {
    let (mut rows, mut checksums) = (Vec::new(), Vec::new());
    for path in files {
        rows.extend(read(spec, path)?);
        checksums.push(fs::sha256_file(path)?);
    }
    let sha256 = match checksums.as_slice() {
        [] => return Err(DatasetError::NoFiles { name: spec.name.clone() }),
        [only] => only.clone(),
        several => fs::sha256(several.concat().as_bytes()),
    };
    let labelled = labels::resolve(spec, rows)?;
    Ok(Dataset {
        name: spec.name.clone(),
        split: spec.split.clone(),
        source: spec.source.clone(),
        revision: spec.revision.clone(),
        sha256,
        task: labelled.task,
        metrics: spec.metrics.clone(),
        examples: labelled.examples,
        label_names: labelled.names,
        dropped_without_label: labelled.dropped,
    })
}

/// The rows of one file, with the columns that matter.
fn read<'a>(spec: &DatasetSpec, path: &'a Path) -> Result<Vec<Row<'a>>, DatasetError> {
    let table = Table::open(path)?;
    let found = columns::resolve(path, &spec.columns, &table.columns())?;
    let mut cells = table.cells(path, &found.names())?.into_iter();
    let (texts, labels) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    let mut pairs = cells.next();
    if labels.is_empty() {
        return Err(DatasetError::Empty { path: path.to_owned() });
    }
    let mut rows = Vec::with_capacity(labels.len());
    for (position, (text, label)) in texts.into_iter().zip(labels).enumerate() {
        let row = position + 1;
        let text = as_text(path, row, &found.text, text)?;
        let pair = match (&mut pairs, &found.pair) {
            (Some(cells), Some(name)) => {
                let cell = std::mem::replace(&mut cells[position], Cell::Null);
                Some(as_text(path, row, name, cell)?)
            }
            _ => None,
        };
        rows.push(Row { path, row, text, pair, label });
    }
    Ok(rows)
}

fn as_text(path: &Path, row: usize, column: &str, cell: Cell) -> Result<String, DatasetError> {
    match cell {
        Cell::Text(text) => Ok(text),
        Cell::Whole(number) => Ok(number.to_string()),
        Cell::Real(number) => Ok(number.to_string()),
        Cell::Null => Err(DatasetError::NoText { path: path.to_owned(), row, column: column.to_owned() }),
        Cell::Other(found) => Err(DatasetError::Type {
            path: path.to_owned(),
            row,
            column: column.to_owned(),
            found,
            wanted: "text",
        }),
    }
}

/// An opened file. Parquet names its columns before any is read; the others are parsed whole.
enum Table {
    Lines(DataFrame, String),
    Frame(DataFrame),
    Parquet(Vec<String>),
}

impl Table {
    fn open(path: &Path) -> Result<Self, DatasetError> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => {
                let bytes = fs::read(path)?;
                let text = lines::text(path, &bytes)?;
                lines::check_objects(path, text)?;
                let reader = JsonReader::new(Cursor::new(text.as_bytes()))
                    .with_json_format(JsonFormat::JsonLines)
                    // The whole file: a column may be whole in its first hundred rows and not later.
                    .infer_schema_len(None);
                Ok(Self::Lines(reader.finish().map_err(parse(path))?, text.to_owned()))
            }
            "csv" => Ok(Self::Frame(separated(path, b',', Some(b'"'))?)),
            // No quotes: GLUE's own files have lone quotes in their texts, and tabs in none.
            "tsv" => Ok(Self::Frame(separated(path, b'\t', None)?)),
            "parquet" => {
                let schema = parquet(path)?.schema().map_err(parse(path))?;
                Ok(Self::Parquet(schema.iter_names().map(ToString::to_string).collect()))
            }
            _ if !path.exists() => Err(fs::read(path).err().map_or_else(|| format(path), Into::into)),
            _ => Err(format(path)),
        }
    }

    fn columns(&self) -> Vec<String> {
        match self {
            Self::Lines(frame, _) | Self::Frame(frame) => {
                frame.get_column_names().iter().map(ToString::to_string).collect()
            }
            Self::Parquet(columns) => columns.clone(),
        }
    }

    /// The cells of each column asked for.
    fn cells(self, path: &Path, names: &[&str]) -> Result<Vec<Vec<Cell>>, DatasetError> {
        match self {
            Self::Frame(frame) => cells(path, &frame, names),
            Self::Parquet(..) => {
                let wanted = names.iter().map(|name| (*name).to_owned()).collect();
                let reader = parquet(path)?.with_columns(Some(wanted));
                cells(path, &reader.finish().map_err(parse(path))?, names)
            }
            Self::Lines(frame, text) => {
                let columns = cells(path, &frame, names)?;
                for (name, column) in names.iter().zip(&columns) {
                    check_nulls(path, &text, name, column)?;
                }
                Ok(columns)
            }
        }
    }
}

fn format(path: &Path) -> DatasetError {
    DatasetError::Format { path: path.to_owned() }
}

fn parse(path: &Path) -> impl Fn(PolarsError) -> DatasetError {
    |error| DatasetError::Parse { path: path.to_owned(), source: Box::new(error) }
}

fn parquet(path: &Path) -> Result<ParquetReader<File>, DatasetError> {
    let file = File::open(path).map_err(|error| fs::FileError::new("open", path, error))?;
    Ok(ParquetReader::new(file))
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

fn cells(path: &Path, frame: &DataFrame, names: &[&str]) -> Result<Vec<Vec<Cell>>, DatasetError> {
    names
        .iter()
        .map(|name| {
            let column = frame.column(name).map_err(parse(path))?;
            Ok(column.as_materialized_series().rechunk().iter().map(|value| cell(&value)).collect())
        })
        .collect()
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

/// polars promises nothing for a JSON column with mixed types, and nulls are what it may give. So a
/// null is believed only when the line has nothing else.
fn check_nulls(path: &Path, text: &str, column: &str, cells: &[Cell]) -> Result<(), DatasetError> {
    let objects = text.lines().filter(|line| !line.trim().is_empty());
    for (position, (line, cell)) in objects.zip(cells).enumerate() {
        if *cell != Cell::Null {
            continue;
        }
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        if let Some(value) = object.get(column).filter(|value| !value.is_null()) {
            return Err(DatasetError::Type {
                path: path.to_owned(),
                row: position + 1,
                column: column.to_owned(),
                found: format!("`{value}`"),
                wanted: "what the other rows have",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
