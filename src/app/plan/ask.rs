//! A dataset put to a model: its texts tokenised, its labels in the model's words.

use std::path::Path;

use gatecheck_data::dataset::Dataset;
use gatecheck_judge::{
    record::{DatasetFacts, TokenTypes},
    task::Outputs,
};
use gatecheck_model::tokenizer::TextEncoder;

use super::{error::PlanError, original::Original, question::Question};
use crate::app::{inputs::Inputs, settings::Texts};

/// A dataset as it is put to a model.
#[derive(Debug)]
pub struct Asked {
    pub(super) dataset: DatasetFacts,
    pub(super) inputs: Inputs,
    pub(super) outputs: Outputs,
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
    let Texts { max_length, token_types, .. } = *texts;
    let encoder =
        TextEncoder::open(original.folder(), &original.config, truncation, max_length, token_types)?;
    let inputs = question.inputs(dataset, &encoder, spool)?;
    Ok(Asked {
        gold: question.gold(dataset),
        outputs: question.outputs,
        dataset: facts(dataset, question, &inputs, &encoder, batch_size),
        inputs,
    })
}

fn facts(
    dataset: &Dataset,
    question: Question,
    inputs: &Inputs,
    encoder: &TextEncoder,
    batch_size: u32,
) -> DatasetFacts {
    let token_types = token_types(encoder, question.reads_pairs(dataset));
    DatasetFacts {
        name: dataset.name.clone(),
        split: dataset.split.clone(),
        source: dataset.source.clone(),
        revision: dataset.revision.clone(),
        sha256: dataset.sha256.clone(),
        task: question.outputs.task(),
        metrics: dataset.metrics.clone(),
        labels: question.labels,
        zero_shot: question.zero_shot,
        token_types: Some(token_types),
        rows: inputs.len() as u64,
        dropped_without_label: dataset.dropped_without_label(),
        truncated: inputs.truncated() as u64,
        max_length: encoder.max_length() as u32,
        real_tokens: inputs.tokens().into_iter().map(u64::from).sum(),
        padded_tokens: inputs.padded_tokens(&inputs.batches(batch_size as usize)),
    }
}

/// Types tell nothing where there are no pairs, so nobody decides otherwise there.
fn token_types(encoder: &TextEncoder, has_pairs: bool) -> TokenTypes {
    let decided = encoder.token_types();
    let unlike = if has_pairs { decided.unlike() } else { Vec::new() };
    TokenTypes {
        fed: decided.fed,
        rule: decided.rule.to_string(),
        unlike: unlike.into_iter().map(str::to_owned).collect(),
    }
}
