//! Rows from files, and files from the Hugging Face Hub.

pub mod dataset;
pub mod hub;
