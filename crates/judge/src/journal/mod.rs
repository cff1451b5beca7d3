//! The black box that is written in flight: `journal.jsonl`, to which every finished block and every event of a
//! run is appended while it is measured, and from which the record is folded ([`fold`]).
//!
//! The first line holds everything that is known before measuring. A line is whole or absent: one that a dying
//! process left torn at the end is ignored, and a damaged one before it is an error that names it.

mod error;
mod event;
mod fold;
mod follow;
mod read;
mod write;

pub use self::{
    error::JournalError,
    event::{Block, Event, Header, Line, MemoryReading, Phase},
    fold::{Folded, fold},
    follow::{Follower, Progress},
    write::Journal,
};

/// The file in the folder of the reports.
pub const JOURNAL: &str = "journal.jsonl";

/// The version of the journal's format that this build writes, and the only one that it reads: a run is
/// resumed by the program that began it.
pub const SCHEMA_VERSION: u32 = 1;

#[cfg(test)]
mod tests;
