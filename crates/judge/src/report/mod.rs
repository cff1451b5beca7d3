//! The report of a run: a pure function of the record and the policy, as bytes of several formats.

mod csv;
mod document;
mod error;
mod format;
mod json;
mod junit;
mod markdown;
pub mod matrix;
mod notes;
mod schema;
pub mod table;
pub mod view;

pub use document::{DatasetReport, MetricFacts, ModelReport, Report, SCHEMA_VERSION, SettingsReport};
pub use error::ReportError;
pub use format::{Format, render, render_all};
pub use markdown::escape as in_markdown;
pub use schema::schema_json;

/// Turns a report into the bytes of one file.
pub trait Exporter {
    /// The same report gives the same bytes.
    fn serialize(&self, report: &Report) -> Result<Vec<u8>, ReportError>;
}

#[cfg(test)]
mod large_tests;
#[cfg(test)]
mod older_tests;
#[cfg(test)]
mod robustness_tests;
#[cfg(test)]
mod sample_tests;
