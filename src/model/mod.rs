//! What a model is, apart from any backend: its configuration, weights, tokenizer and batches.

pub mod weights;
