//! Measuring instruments.

pub mod allocator;
pub mod alone;
pub mod machine;
#[cfg(any(target_os = "macos", test))]
mod macos;
pub mod memory;
