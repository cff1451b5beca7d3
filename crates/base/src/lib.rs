//! The ground floor of gatecheck: whole-or-absent files and whether they changed, kinds of errors, and words for people.

pub mod fs;
pub mod kind;
pub mod stamp;
pub mod text;
