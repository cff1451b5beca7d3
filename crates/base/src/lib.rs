//! The ground floor of gatecheck: whole-or-absent files and whether they changed, calls that may panic, kinds of
//! errors, the widest vectors of a CPU, and words for people.

pub mod foreign;
pub mod fs;
pub mod kind;
pub mod simd;
pub mod stamp;
pub mod text;
