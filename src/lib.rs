//! gatecheck answers one question: may this converted model ship in place of the original?
//!
//! Data flows one way: command line → settings → plan → runner → [`record`] → analysis → gates →
//! report → exit code. `docs/architecture.md` has the map.
#![warn(missing_docs)]

pub mod analysis;
pub mod backend;
pub mod cell;
pub mod cli;
pub mod config;
pub mod convert;
pub mod dataset;
pub mod event;
#[cfg(test)]
mod fixture;
pub mod fs;
pub mod gate;
pub mod hub;
pub mod measure;
pub mod metrics;
pub mod model;
pub mod plan;
pub mod quant;
pub mod record;
pub mod report;
pub mod runner;
pub mod stats;
pub mod text;
pub mod worker;
