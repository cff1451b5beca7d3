//! The rows of one file, whatever its format. [`parquet`] alone knows polars.

use std::path::{Path, PathBuf};

use gatecheck_base::fs;

use super::{
    DatasetError,
    cell::Cell,
    jsonl, parquet,
    separated::{self, Dialect},
};

/// A file of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) path: PathBuf,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    Separated(Dialect),
    Parquet,
}

impl Table {
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        let format = match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Format::Lines,
            "csv" => Format::Separated(Dialect { separator: b',', quote: Some(b'"') }),
            // No quotes: GLUE's own files have lone quotes in their texts, and tabs in none.
            "tsv" => Format::Separated(Dialect { separator: b'\t', quote: None }),
            "parquet" => Format::Parquet,
            _ if !path.exists() => {
                let no_file = || DatasetError::Format { path: path.to_owned() };
                return Err(fs::read(path).err().map_or_else(no_file, Into::into));
            }
            _ => return Err(DatasetError::Format { path: path.to_owned() }),
        };
        Ok(Self { path: path.to_owned(), format })
    }

    /// Names of the columns.
    pub(super) fn columns(&self) -> Result<Vec<String>, DatasetError> {
        match self.format {
            Format::Lines => jsonl::columns(&self.path),
            Format::Separated(dialect) => separated::columns(&self.path, dialect),
            Format::Parquet => parquet::columns(&self.path),
        }
    }

    /// Hands the cells of these columns to `on_row`, row by row.
    pub(super) fn each_row(
        &self,
        names: &[&str],
        on_row: &mut dyn FnMut(Vec<Cell>) -> Result<(), DatasetError>,
    ) -> Result<(), DatasetError> {
        match self.format {
            Format::Lines => jsonl::each_row(&self.path, names, on_row),
            Format::Separated(dialect) => separated::each_row(&self.path, dialect, names, on_row),
            Format::Parquet => parquet::each_row(&self.path, names, on_row),
        }
    }
}
