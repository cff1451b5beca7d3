//! Many cells in one report: models by datasets, each with its verdict. A pure function of the cells' reports.

mod csv;
mod document;
mod files;
mod junit;
mod markdown;
pub mod table;
mod view;

pub use self::{
    document::{Candidate, Entry, Found, Lack, Matrix, MatrixCell, SCHEMA_VERSION},
    files::{render, schema_json},
};

#[cfg(test)]
pub(in crate::report) mod tests;
