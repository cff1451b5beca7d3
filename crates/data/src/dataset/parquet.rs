//! Parquet, some rows at a time, by way of polars.
//!
//! polars panics on some damaged files and on types that it was built without: each of its calls is one that may. What
//! would end the program at once is found in the footer and in the headers of the pages before.

use std::{fs::File, ops::Range, path::Path, sync::Arc};

use gatecheck_base::{foreign, fs};
use polars::prelude::{AnyValue, DataFrame, ParquetReader, PolarsError, SerReader};

use super::{DatasetError, cell::Cell, footer, pages};

/// Rows of a file that are held at a time.
const ROWS: usize = 1 << 14;

/// Names of the columns.
pub(super) fn columns(path: &Path) -> Result<Vec<String>, DatasetError> {
    let file = open(path)?;
    guarded(path, || {
        let schema = reader(file)?.schema()?;
        Ok(schema.iter_names().map(ToString::to_string).collect())
    })
}

/// Hands the cells of these columns to `on_row`, row by row.
pub(super) fn each_row(
    path: &Path,
    names: &[&str],
    on_row: &mut dyn FnMut(Vec<Cell>) -> Result<(), DatasetError>,
) -> Result<(), DatasetError> {
    let file = open(path)?;
    let (rows, places) = guarded(path, || {
        let mut reader = reader(file)?;
        Ok((reader.num_rows()?, places(&mut reader, names)?))
    })?;
    let mut file = open(path)?;
    for (place, values) in places {
        let are_sound = pages::are_sound(&mut file, place, values);
        if !are_sound.map_err(|error| fs::FileError::new("read", path, error))? {
            let source = "a page of it is damaged".into();
            return Err(DatasetError::Parse { path: path.to_owned(), source });
        }
    }
    for start in (0..rows).step_by(ROWS) {
        let wanted = ROWS.min(rows - start);
        let file = open(path)?;
        for cells in guarded(path, || cells(&part(file, names, start, wanted)?, names))? {
            on_row(cells)?;
        }
    }
    Ok(())
}

/// Where these columns are in the file, piece by piece, and how many values each piece has.
fn places(reader: &mut ParquetReader<File>, names: &[&str]) -> Result<Vec<(Range<u64>, u64)>, PolarsError> {
    let groups = &reader.get_metadata()?.row_groups;
    let columns = groups.iter().flat_map(|group| names.iter().map(move |name| (group, name)));
    let pieces = columns.filter_map(|(group, name)| group.columns_under_root_iter(name)).flatten();
    Ok(pieces.map(|piece| (piece.byte_range(), piece.num_values().try_into().unwrap_or(0))).collect())
}

/// Some rows of some columns.
fn part(file: File, names: &[&str], start: usize, rows: usize) -> Result<DataFrame, PolarsError> {
    let columns = names.iter().map(|name| (*name).to_owned()).collect();
    let frame = reader(file)?.with_columns(Some(columns)).with_slice(Some((start, rows))).finish()?;
    if frame.height() != rows {
        let missing = format!("{rows} rows are announced from row {start} on, {} are there", frame.height());
        return Err(PolarsError::ComputeError(missing.into()));
    }
    Ok(frame)
}

/// A reader that knows no more of the types than Parquet itself says. Writers may have left a note on those they
/// had in memory, such as pandas' `category`, which is text for all that is done here.
fn reader(file: File) -> Result<ParquetReader<File>, PolarsError> {
    let mut reader = ParquetReader::new(file);
    let mut metadata = reader.get_metadata()?.as_ref().clone();
    metadata.key_value_metadata = None;
    reader.set_metadata(Arc::new(metadata));
    Ok(reader)
}

fn open(path: &Path) -> Result<File, DatasetError> {
    let mut file = File::open(path).map_err(|error| fs::FileError::new("open", path, error))?;
    let footer = footer::check(&mut file).map_err(|error| fs::FileError::new("read", path, error))?;
    footer.map_err(|what| DatasetError::Parse { path: path.to_owned(), source: what.into() })?;
    Ok(file)
}

fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, PolarsError>) -> Result<T, DatasetError> {
    let parse = |source| DatasetError::Parse { path: path.to_owned(), source };
    foreign::call(work).map_err(|panic| parse(panic.into()))?.map_err(|error| parse(error.into()))
}

/// The cells, row by row.
fn cells(frame: &DataFrame, names: &[&str]) -> Result<Vec<Vec<Cell>>, PolarsError> {
    let series = names.iter().map(|name| Ok(frame.column(name)?.as_materialized_series().rechunk()));
    let series = series.collect::<Result<Vec<_>, PolarsError>>()?;
    let mut columns: Vec<_> = series.iter().map(|column| column.iter()).collect();
    let row = |_| columns.iter_mut().map(|column| column.next().map_or(Cell::Null, |it| cell(&it))).collect();
    Ok((0..frame.height()).map(row).collect())
}

fn cell(value: &AnyValue) -> Cell {
    match value {
        AnyValue::Null => Cell::Null,
        AnyValue::String(text) => Cell::Text((*text).to_owned()),
        AnyValue::StringOwned(text) => Cell::Text(text.to_string()),
        AnyValue::Boolean(flag) => Cell::Text(flag.to_string()),
        value if value.dtype().is_integer() => value.extract::<i128>().map_or(Cell::Null, Cell::Whole),
        value if value.dtype().is_float() => match value.extract::<f64>() {
            // pandas writes a missing label as NaN.
            Some(number) if !number.is_nan() => Cell::Real(number),
            _ => Cell::Null,
        },
        value => Cell::Other(format!("a value of type {}", value.dtype())),
    }
}
