//! Measuring instruments.

pub mod histogram;
pub mod machine;
pub mod memory;
