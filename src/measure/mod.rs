//! Measuring instruments.

pub mod histogram;
