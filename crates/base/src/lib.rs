//! The ground floor of gatecheck: whole-or-absent files, and words for people.

pub mod fs;
pub mod text;
