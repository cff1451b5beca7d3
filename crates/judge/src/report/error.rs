//! What can go wrong when a report is written.

/// A report could not be turned into bytes.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// JSON.
    #[error("failed to write the report as json")]
    Json(#[from] serde_json::Error),
    /// CSV.
    #[error("failed to write the report as csv")]
    Csv(#[from] ::csv::Error),
    /// JUnit.
    #[error("failed to write the report as junit xml")]
    Junit(#[from] quick_junit::SerializeError),
}
