//! The smallest recipe that keeps the quality gate: bits for each part of each layer, by what they do to the outputs.
//!
//! `space` says what there is to choose, `bench` tries a recipe out on one of the `halves`, `search` decides what is tried
//! next, along the `front` of size and drift, and `steps` puts them in a row. The recipe is chosen by one half of the rows and judged on
//! the other.

mod bench;
mod error;
mod front;
mod halves;
mod journal;
mod picture;
mod report;
mod search;
mod space;
mod steps;
mod summary;

pub use self::{
    error::TuneError,
    report::{RECIPE, RecipeRow, TUNED, Tuning, table},
    steps::{Outcome, Request, tune},
};
