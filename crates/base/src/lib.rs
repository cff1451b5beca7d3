//! The ground floor of gatecheck: whole-or-absent files, calls that may panic, kinds of errors, and words for people.

pub mod foreign;
pub mod fs;
pub mod kind;
pub mod text;
