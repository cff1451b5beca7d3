//! What a pipeline is asked to do.

use std::path::PathBuf;

use super::{PipelineError, place::Place};
use crate::app::run::Request;

/// Models, each with its datasets, and how they are gone about.
#[derive(Debug, Clone)]
pub struct Order {
    /// For each model what a run of it would be asked.
    pub requests: Vec<Request>,
    /// Downloads and conversions at once.
    pub jobs: usize,
    /// Whether what was measured already is measured again.
    pub again: bool,
    /// Where the folders of the cells are, and the matrix goes.
    pub out: PathBuf,
    /// Where logs and results go.
    pub place: Place,
}

impl Order {
    /// Refuses what cannot be told apart: artefacts and reports are named after models and datasets.
    pub fn check(&self) -> Result<(), PipelineError> {
        let lower = |path: &PathBuf| path.to_string_lossy().to_lowercase();
        let mut seen: Vec<(String, String)> = Vec::new();
        for request in &self.requests {
            for (dataset, folder) in &request.datasets {
                let (name, folder) =
                    (format!("{} on {}", request.model.name, dataset.spec.name), lower(folder));
                if let Some((other, _)) = seen.iter().find(|(_, known)| *known == folder) {
                    return Err(PipelineError::SameFolder { one: other.clone(), other: name, folder });
                }
                seen.push((name, folder));
            }
        }
        if seen.is_empty() { Err(PipelineError::Nothing) } else { Ok(()) }
    }

    /// The request of one cell alone.
    pub(super) fn of_cell(&self, model: usize, dataset: usize) -> Request {
        let request = &self.requests[model];
        Request { datasets: vec![request.datasets[dataset].clone()], ..request.clone() }
    }

    /// Every cell, as positions of a model and of a dataset of it.
    pub(super) fn cells(&self) -> Vec<(usize, usize)> {
        let of = |(model, request): (usize, &Request)| (0..request.datasets.len()).map(move |at| (model, at));
        self.requests.iter().enumerate().flat_map(of).collect()
    }
}
