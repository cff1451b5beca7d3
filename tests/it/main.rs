//! Tests across modules, in one binary. Those with MLX need `--test-threads=1`: MLX is not thread-safe.

mod cli;
mod convert_cli;
mod failures;
mod harness;
mod hub_cli;
#[cfg(feature = "mlx")]
mod quant_mlx;
mod refusals;
mod report_cli;
mod run;
mod tiny_model;
