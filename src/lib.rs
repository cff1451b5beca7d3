//! gatecheck answers one question: may this converted model ship in place of the original?
//!
//! Data flows one way: command line → settings → plan → runner → [`record`] → analysis → gates →
//! report → exit code. `docs/architecture.md` has the map.
#![warn(missing_docs)]

pub mod backend;
pub mod convert;
pub mod fs;
pub mod model;
pub mod quant;
pub mod record;
pub mod text;
