//! gatecheck answers one question: may this converted model ship in place of the original?
//!
//! Data flows one way: command line → resolve → prepare → plan → measure → record → analysis → gates → report
//! → exit code. `docs/architecture.md` has the map. What is measured and judged lives in crates of its own; this one
//! puts them together ([`app`]) and speaks with the user ([`cli`]).

pub mod app;
pub mod cli;
