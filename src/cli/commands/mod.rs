//! One file per command: a function of resolved values and a printer that returns the exit code.

pub(crate) mod clean;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod list;
pub(crate) mod monitor;
pub(crate) mod pipeline;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod tune;
pub(crate) mod upload;
pub(crate) mod verify;
pub(crate) mod worker;
