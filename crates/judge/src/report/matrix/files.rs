//! The files of a matrix, one for each format that there is.

use super::{Matrix, csv, junit, markdown};
use crate::report::{Format, ReportError, json};

/// Writes the matrix in every format: file names and bytes. The same matrix gives the same bytes.
pub fn render(matrix: &Matrix) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let file = |format: Format| Ok((format.matrix_file_name(), serialize(format, matrix)?));
    Format::ALL.into_iter().map(file).collect()
}

fn serialize(format: Format, matrix: &Matrix) -> Result<Vec<u8>, ReportError> {
    match format {
        Format::Json => json::bytes(matrix),
        Format::Csv => csv::serialize(matrix),
        Format::Markdown => Ok(markdown::serialize(matrix)),
        Format::Junit => junit::serialize(matrix),
    }
}

/// The schema of `matrix.json` as text, generated from the types; `reports/matrix.schema.json` is a copy.
pub fn schema_json() -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(Matrix))?;
    text.push('\n');
    Ok(text)
}
