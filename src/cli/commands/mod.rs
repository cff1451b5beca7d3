//! One file per command: a function of resolved values and a printer that returns the exit code.

pub(crate) mod report;
pub(crate) mod worker;
