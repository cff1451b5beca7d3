//! The JSON schema of `report.json`.

use super::{Report, ReportError};

/// The schema as text, generated from the types; `reports/schema.json` is a copy.
pub fn schema_json() -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(Report))?;
    text.push('\n');
    Ok(text)
}
