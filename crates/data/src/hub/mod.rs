//! Models and datasets from the Hugging Face Hub, through the cache that Python uses.
//!
//! [`Hub::model_snapshot`] and [`Hub::dataset_files`] take everything from one commit. Nothing that
//! is downloaded is trusted: no pickles, no code, no file name that leaves its folder.

mod card;
mod client;
mod dataset;
pub mod download;
mod error;
mod links;
mod model;
mod names;
mod settings;
mod sizes;
mod store;
mod transfer;
pub mod upload;

#[cfg(test)]
mod tests;

pub use self::{
    dataset::DatasetFiles, download::Hub, error::HubError, model::Snapshot, names::check_id,
    settings::HubSettings, transfer::Progress,
};
