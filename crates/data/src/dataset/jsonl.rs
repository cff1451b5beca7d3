//! JSON lines, read one at a time, so that a file need not fit into memory.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use gatecheck_base::fs::FileError;
use serde_json::{Map, Value};

use super::{DatasetError, cell::Cell, lines};

/// Names of all columns, in the order in which they are first met: a column may be missing from early lines.
pub(super) fn columns(path: &Path) -> Result<Vec<String>, DatasetError> {
    let mut columns: Vec<String> = Vec::new();
    each_object(path, |object| {
        for (name, _) in object {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
        Ok(())
    })?;
    Ok(columns)
}

/// Hands the cells of these columns to `on_row`, row by row.
pub(super) fn each_row(
    path: &Path,
    names: &[&str],
    on_row: &mut dyn FnMut(Vec<Cell>) -> Result<(), DatasetError>,
) -> Result<(), DatasetError> {
    each_object(path, |mut object| {
        on_row(names.iter().map(|name| object.remove(*name).map_or(Cell::Null, cell)).collect())
    })
}

fn each_object(
    path: &Path,
    mut on_object: impl FnMut(Map<String, Value>) -> Result<(), DatasetError>,
) -> Result<(), DatasetError> {
    let file = File::open(path).map_err(|error| FileError::new("read", path, error))?;
    let (mut reader, mut bytes, mut rows) = (BufReader::with_capacity(1 << 16, file), Vec::new(), 0_u64);
    for number in 1.. {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).map_err(|error| FileError::new("read", path, error))? == 0 {
            break;
        }
        let line = std::str::from_utf8(&bytes)
            .map_err(|_| DatasetError::Encoding { path: path.to_owned(), line: number })?;
        let line = if number == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        if !line.trim().is_empty() {
            on_object(lines::object(path, number, line)?)?;
            rows += 1;
        }
    }
    if rows == 0 { Err(DatasetError::Empty { path: path.to_owned() }) } else { Ok(()) }
}

fn cell(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::String(text) => Cell::Text(text),
        Value::Bool(flag) => Cell::Text(flag.to_string()),
        Value::Number(number) => match (number.as_i128(), number.as_f64()) {
            (Some(whole), _) => Cell::Whole(whole),
            (None, Some(real)) => Cell::Real(real),
            (None, None) => Cell::Null,
        },
        Value::Array(_) => Cell::Other("a value of type list".to_owned()),
        Value::Object(_) => Cell::Other("a value of type struct".to_owned()),
    }
}
