//! Labelled rows from files: what is in them, which column is what, and which rows count.
//!
//! [`load`] reads jsonl, csv, tsv and parquet through polars ([`self::load`] is its one home),
//! settles the columns ([`columns`]) and turns rows into [`Example`]s ([`labels`]).

mod cell;
pub mod columns;
mod error;
mod labels;
mod lines;
pub mod load;
pub mod manifest;
pub mod sample;

use gatecheck_judge::task::{Metric, Task};

pub use self::{error::DatasetError, load::load, manifest::DatasetSpec, sample::limit};

/// A labelled split, in memory and in the order of its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name as given or configured.
    pub name: String,
    /// Split, such as `validation_matched`.
    pub split: String,
    /// File or Hub id the rows came from.
    pub source: String,
    /// Commit on the Hub, when it came from there.
    pub revision: Option<String>,
    /// SHA-256 of the file; of several files, of their checksums one after the other.
    pub sha256: String,
    /// What is asked.
    pub task: Task,
    /// The metrics asked for, the first of which is judged; empty for those of the task.
    pub metrics: Vec<Metric>,
    /// The rows with a gold label.
    pub examples: Vec<Example>,
    /// Class names, in the order that [`Gold::Label`] counts; empty for scores.
    pub label_names: Vec<String>,
    /// Rows left out because their label was -1, null or empty.
    pub dropped_without_label: u64,
}

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
