//! Tests across modules, in one binary.
#![expect(clippy::unwrap_used, reason = "in the helpers of tests a panic is a failed test")]

mod arms;
mod bad_input;
mod bad_model;
mod golden;
mod layering;
mod model_folder;
#[cfg(feature = "mlx")]
mod quant_mlx;
#[cfg(feature = "mlx")]
mod quantized;
mod second_reference;
mod within;
