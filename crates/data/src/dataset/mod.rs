//! Labelled rows from files: what is in them, which column is what, and which rows count.
//!
//! [`load`] finds the columns of jsonl, csv, tsv and parquet files (`columns`) and understands their labels
//! (`labels`); texts are read as [`Example`]s when they are asked for ([`Dataset::each`]). JSON lines and
//! Parquet are read some rows at a time, so that a split need not fit into memory; CSV and TSV files are held as a
//! whole.

mod cell;
mod columns;
#[cfg(test)]
mod damage_tests;
mod error;
mod footer;
mod jsonl;
mod labels;
mod lines;
mod load;
pub mod manifest;
mod pages;
mod parquet;
mod sample;
mod separated;
mod source;
mod split;
mod table;
mod thrift;

pub use self::{
    error::DatasetError,
    load::load,
    manifest::DatasetSpec,
    sample::{Part, keep, limit},
    split::Dataset,
};

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The text, or the first of two.
    pub text: String,
    /// The second text of a pair.
    pub pair: Option<String>,
    /// The right answer.
    pub gold: Gold,
}

/// The right answer of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gold {
    /// Position in [`Dataset::label_names`].
    Label(usize),
    /// A finite score, in the dataset's own unit.
    Score(f64),
}
