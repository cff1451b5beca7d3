//! Zero-shot classification: each candidate label is put to a model of natural-language inference as
//! a hypothesis about the text, as `ZeroShotClassificationPipeline` of transformers does.

use gatecheck_data::dataset::Dataset;
use gatecheck_judge::{
    record::ZeroShot,
    task::{Outputs, Task},
};
use gatecheck_model::config::ModelConfig;

use super::{
    error::PlanError,
    inference::{Relations, find_relations, names_relation},
    labels::match_labels,
};
use crate::app::{
    defaults,
    settings::{Texts, ZeroShotSettings},
};

/// The outputs of the zero-shot question and what the record says of it, where that is what is to be asked.
pub(super) fn asked(
    dataset: &Dataset,
    config: &ModelConfig,
    texts: &Texts,
) -> Result<Option<(Outputs, ZeroShot)>, PlanError> {
    let wanted = &texts.zero_shot;
    let asked = dataset.task == Task::ZeroShot;
    let matches = || match_labels(&dataset.label_names, &config.labels, texts.label_map.as_ref()).is_ok();
    let Some(relations) = find_relations(&config.labels) else {
        // A model with the dataset's own classes answers directly.
        return if asked && !matches() {
            let (dataset, classes) = (dataset.name.clone(), config.labels.clone());
            Err(PlanError::NoInference { dataset, classes })
        } else {
            Ok(None)
        };
    };
    let fits = wanted.model_is_for_it && !names_relation(&dataset.label_names) && !matches();
    if asked || fits { ask(dataset, config, wanted, relations).map(Some) } else { Ok(None) }
}

fn ask(
    dataset: &Dataset,
    config: &ModelConfig,
    wanted: &ZeroShotSettings,
    relations: Relations,
) -> Result<(Outputs, ZeroShot), PlanError> {
    if dataset.has_pairs() {
        return Err(PlanError::PairForZeroShot(dataset.name.clone()));
    }
    let labels = &dataset.label_names;
    let candidates = wanted.candidate_labels.as_ref().unwrap_or(labels);
    if candidates.len() != labels.len() {
        let (labels, candidates) = (labels.clone(), candidates.clone());
        return Err(PlanError::Candidates { dataset: dataset.name.clone(), labels, candidates });
    }
    if candidates.iter().all(|candidate| candidate.parse::<f64>().is_ok()) {
        return Err(PlanError::NamelessCandidates(dataset.name.clone()));
    }
    let Relations { entailment, against } = relations;
    // Of one candidate alone the softmax would always be 1.
    let multi_label = wanted.multi_label || candidates.len() == 1;
    let facts = ZeroShot {
        hypothesis_template: wanted
            .hypothesis_template
            .clone()
            .unwrap_or_else(|| defaults::HYPOTHESIS.to_owned()),
        candidate_labels: candidates.clone(),
        multi_label,
        entailment: config.labels[entailment].clone(),
        against: config.labels[against].clone(),
    };
    let against = multi_label.then_some(against);
    Ok((Outputs::zero_shot(candidates.len(), config.labels.len(), entailment, against), facts))
}

/// The hypothesis of each candidate.
pub(super) fn hypotheses(zero_shot: &ZeroShot) -> Vec<String> {
    let hypothesis = |candidate: &String| zero_shot.hypothesis_template.replacen("{}", candidate, 1);
    zero_shot.candidate_labels.iter().map(hypothesis).collect()
}
