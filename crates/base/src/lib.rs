//! The ground floor of gatecheck: whole-or-absent files, kinds of errors, and words for people.

pub mod fs;
pub mod kind;
pub mod text;
