//! Measuring instruments.

pub mod allocator;
pub mod machine;
pub mod memory;
