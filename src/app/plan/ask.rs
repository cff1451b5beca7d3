//! A dataset put to a model: its texts tokenised, its labels in the model's words.

use std::path::Path;

use gatecheck_data::dataset::Dataset;
use gatecheck_judge::record::DatasetFacts;
use gatecheck_model::tokenizer::TextEncoder;

use super::{error::PlanError, original::Original, question::Question};
use crate::app::{cell::Reading, inputs::Inputs, settings::Texts};

/// A dataset as it is put to a model.
#[derive(Debug)]
pub struct Asked {
    pub(super) dataset: DatasetFacts,
    pub(super) inputs: Inputs,
    pub(super) reading: Reading,
    pub(super) gold: Vec<f64>,
}

impl Asked {
    /// The examples as the model reads them.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }
}

/// Puts a dataset to a model, if the model can answer it. Needs no artefact, so that a dataset that does not
/// fit is found before a conversion. Its tokens go to the disk of `spool`, into a file without a name.
pub fn ask(
    original: &Original,
    dataset: &Dataset,
    texts: &Texts,
    batch_size: u32,
    spool: &Path,
) -> Result<Asked, PlanError> {
    if dataset.golds.is_empty() {
        return Err(PlanError::NoRows(dataset.name.clone()));
    }
    let question = Question::new(dataset, &original.config, original.folder(), texts)?;
    let truncation = question.truncation(texts.truncation);
    let encoder = TextEncoder::open(original.folder(), &original.config, truncation, texts.max_length)?;
    let inputs = question.inputs(dataset, &encoder, spool)?;
    Ok(Asked {
        gold: question.gold(dataset),
        reading: question.reading,
        dataset: facts(dataset, question, &inputs, encoder.max_length(), batch_size),
        inputs,
    })
}

fn facts(
    dataset: &Dataset,
    question: Question,
    inputs: &Inputs,
    max_length: usize,
    batch_size: u32,
) -> DatasetFacts {
    DatasetFacts {
        name: dataset.name.clone(),
        split: dataset.split.clone(),
        source: dataset.source.clone(),
        revision: dataset.revision.clone(),
        sha256: dataset.sha256.clone(),
        task: question.task,
        labels: question.labels,
        zero_shot: question.zero_shot,
        rows: inputs.len() as u64,
        dropped_without_label: dataset.dropped_without_label,
        truncated: inputs.truncated() as u64,
        max_length: max_length as u32,
        real_tokens: inputs.tokens().into_iter().map(u64::from).sum(),
        padded_tokens: inputs.padded_tokens(&inputs.batches(batch_size as usize)),
    }
}
