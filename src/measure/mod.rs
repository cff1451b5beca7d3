//! Measuring instruments.

pub mod allocator;
pub mod histogram;
pub mod machine;
pub mod memory;
