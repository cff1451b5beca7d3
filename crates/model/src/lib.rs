//! What a model is, apart from any backend: its configuration, weights, tokenizer and batches, and its
//! conversion to MLX.

pub mod activation;
pub mod architecture;
pub mod bart;
pub mod batch;
pub mod checkpoint;
pub mod config;
pub mod convert;
pub mod deberta_v2;
pub mod head;
pub mod mobilebert;
pub mod modernbert;
pub mod names;
pub mod pooling;
pub mod post_norm;
pub mod quant;
pub mod tokenizer;
mod vocabulary;
pub mod weights;
