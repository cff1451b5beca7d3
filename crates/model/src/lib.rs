//! What a model is, apart from any backend: its configuration, weights, tokenizer and batches, and its
//! conversion to MLX.

pub mod activation;
pub mod architecture;
pub mod batch;
pub mod blueprint;
pub mod candidate;
pub mod checkpoint;
pub mod config;
pub mod convert;
pub mod error;
pub mod files;
pub mod holdings;
mod json;
pub mod load;
pub mod names;
mod npz;
mod pooling;
pub mod quant;
pub mod quantization;
pub mod token_types;
pub mod tokenizer;
mod vocabulary;
pub mod weights;
