//! What gatecheck measured, and what it makes of it: [`journal`] → [`record`] → [`analysis`] → [`gate`] → [`report`].
//!
//! Everything here is a pure function of the record, the policy and the seed in the record. Nothing loads a
//! model: this crate builds and renders reports without MLX, candle, polars or a C++ compiler.

pub mod analysis;
pub mod engine;
#[doc(hidden)]
pub mod fixture;
pub mod gate;
pub mod histogram;
pub mod journal;
pub mod metrics;
pub mod record;
pub mod report;
pub mod stats;
pub mod task;
