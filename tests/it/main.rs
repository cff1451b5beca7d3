//! Tests across modules, in one binary. Those with MLX need `--test-threads=1`: MLX is not thread-safe.

mod failures;
mod harness;
#[cfg(feature = "mlx")]
mod quant_mlx;
mod run;
mod tiny_model;
