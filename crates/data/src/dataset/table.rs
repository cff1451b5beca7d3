//! The rows of one file, whatever its format. With [`frame`], the only place that knows polars.

use std::path::{Path, PathBuf};

use gatecheck_base::fs;

use super::{DatasetError, cell::Cell, frame, jsonl};

/// A file of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) path: PathBuf,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    Separated { separator: u8, quote: Option<u8> },
    Parquet,
}

impl Table {
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        let format = match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Format::Lines,
            "csv" => Format::Separated { separator: b',', quote: Some(b'"') },
            // No quotes: GLUE's own files have lone quotes in their texts, and tabs in none.
            "tsv" => Format::Separated { separator: b'\t', quote: None },
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
            Format::Separated { separator, quote } => frame::separated_columns(&self.path, separator, quote),
            Format::Parquet => frame::parquet_columns(&self.path),
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
            Format::Separated { separator, quote } => {
                frame::each_separated_row(&self.path, separator, quote, names, on_row)
            }
            Format::Parquet => frame::each_parquet_row(&self.path, names, on_row),
        }
    }
}
