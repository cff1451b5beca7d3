//! Tests across modules, in one binary. Those with MLX need `--test-threads=1`: MLX is not thread-safe.

#[cfg(feature = "mlx")]
mod quant_mlx;
