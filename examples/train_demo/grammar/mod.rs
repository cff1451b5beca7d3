//! A small grammar of English that knows what follows from what.
//!
//! Each phenomenon draws a premise and a hypothesis for a wanted label; [`compose`] then surrounds
//! the premise's claim with clauses about other people. Labels are read as annotators of inference
//! data read them: both sentences speak of the same people, things and occasion.

mod actions;
mod arrangement;
mod compose;
mod generator;
mod lexicon;
mod logic;
mod measures;
mod order;
mod phrase;
mod reports;
mod states;

pub(crate) use compose::{PHENOMENA, compose};
pub(crate) use generator::{Generator, Split};

/// A claim and a hypothesis about it, as clauses without capital and full stop.
pub(crate) struct Draft {
    pub(crate) claim: String,
    pub(crate) hypothesis: String,
}

impl Draft {
    fn new(claim: impl Into<String>, hypothesis: impl Into<String>) -> Self {
        Self { claim: claim.into(), hypothesis: hypothesis.into() }
    }
}
