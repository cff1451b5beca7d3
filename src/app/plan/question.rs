//! What is asked of the model, and how its answers are scored: classes by their names, scores by
//! likeness, or candidate labels as hypotheses.

use std::path::Path;

use gatecheck_data::dataset::{Dataset, Example, Gold};
use gatecheck_judge::{
    record::{LabelMeaning, LabelRule, Labels, ZeroShot},
    task::{Outputs, Task},
};
use gatecheck_model::{
    blueprint::head::Output,
    config::{ConfigError, ModelConfig},
    tokenizer::{TextEncoder, TokenizerError, Truncation},
};

use super::{
    error::PlanError,
    labels::{LabelMatch, match_labels},
    zero_shot,
};
use crate::app::{
    inputs::{Inputs, Spool},
    settings::Texts,
};

/// Examples that are tokenised at a time.
const EXAMPLES: usize = 1 << 12;

/// A dataset's question to a model.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) outputs: Outputs,
    pub(super) labels: Option<Labels>,
    pub(super) zero_shot: Option<ZeroShot>,
    /// For each dataset label its position in the names of `labels`.
    classes: Vec<usize>,
}

impl Question {
    /// The question, if the model can be asked it.
    pub(super) fn new(
        dataset: &Dataset,
        config: &ModelConfig,
        folder: &Path,
        texts: &Texts,
    ) -> Result<Self, PlanError> {
        let folder = || folder.to_owned();
        match (dataset.task, config.head.as_ref().map(|head| head.output)) {
            (Task::Classification | Task::ZeroShot, Some(Output::Logits)) => {
                match zero_shot::asked(dataset, config, texts)? {
                    Some((outputs, facts)) => Ok(Self::zero_shot(dataset, outputs, facts)),
                    None => Self::classification(dataset, config, texts),
                }
            }
            (Task::Classification | Task::ZeroShot, _) => {
                Err(ConfigError::NoClassifier { folder: folder() }.into())
            }
            (Task::Similarity, Some(Output::Embedding)) => Ok(Self {
                outputs: Outputs::similarity(),
                labels: None,
                zero_shot: None,
                classes: Vec::new(),
            }),
            (Task::Similarity, _) => Err(ConfigError::NoPooling { folder: folder() }.into()),
        }
    }

    fn classification(dataset: &Dataset, config: &ModelConfig, texts: &Texts) -> Result<Self, PlanError> {
        let map = texts.label_map.as_ref();
        let LabelMatch { names, rule, gold, predictions } =
            match_labels(&dataset.label_names, &config.labels, map)?;
        let labels = Labels {
            names,
            rule,
            dataset: meanings(&dataset.label_names, &gold),
            model: meanings(&config.labels, &predictions),
        };
        Ok(Self {
            outputs: Outputs::classification(config.labels.len()),
            labels: Some(labels),
            zero_shot: None,
            classes: gold,
        })
    }

    /// The question that puts every candidate to the model; candidates stand in the order of the
    /// dataset's labels.
    fn zero_shot(dataset: &Dataset, outputs: Outputs, zero_shot: ZeroShot) -> Self {
        let classes: Vec<usize> = (0..dataset.label_names.len()).collect();
        let labels = Labels {
            names: dataset.label_names.clone(),
            rule: LabelRule::ZeroShot,
            dataset: meanings(&dataset.label_names, &classes),
            model: Vec::new(),
        };
        Self { outputs, labels: Some(labels), zero_shot: Some(zero_shot), classes }
    }

    /// Whether the model reads two texts at once anywhere.
    pub(super) fn reads_pairs(&self, dataset: &Dataset) -> bool {
        match self.outputs.task() {
            Task::Classification => dataset.has_pairs(),
            Task::ZeroShot => true,
            Task::Similarity => false,
        }
    }

    /// Gold labels as positions in the names that are scored, or scores.
    pub(super) fn gold(&self, dataset: &Dataset) -> Vec<f64> {
        let value = |gold: &Gold| match *gold {
            Gold::Label(label) => self.classes[label] as f64,
            Gold::Score(score) => score,
        };
        dataset.golds.iter().map(value).collect()
    }

    /// Which text gives way: never the hypothesis of a zero-shot question, which is what is asked.
    pub(super) fn truncation(&self, configured: Truncation) -> Truncation {
        if self.zero_shot.is_some() { Truncation::OnlyFirst } else { configured }
    }

    /// The examples as the model reads them, on the disk of `folder`.
    pub(super) fn inputs(
        &self,
        dataset: &Dataset,
        encoder: &TextEncoder,
        folder: &Path,
    ) -> Result<Inputs, PlanError> {
        let hypotheses: Vec<String> = self.zero_shot.as_ref().map(zero_shot::hypotheses).unwrap_or_default();
        let rows_each = self.outputs.rows;
        let (mut spool, mut before) = (Spool::new(folder, rows_each)?, 0);
        dataset.each(EXAMPLES, |examples| {
            let mut texts = Vec::with_capacity(examples.len() * rows_each);
            for Example { text, pair, .. } in examples {
                self.texts(text, pair.as_deref(), &hypotheses, &dataset.name, &mut texts)?;
            }
            let encoded = encoder.encode(&texts).map_err(|error| match error {
                // The encoder counts rows from the first that it was given.
                TokenizerError::Encode { example, reason } => {
                    TokenizerError::Encode { example: before + example / rows_each.max(1), reason }
                }
                other => other,
            })?;
            before += examples.len();
            Ok::<_, PlanError>(spool.push(&encoded)?)
        })?;
        Ok(spool.finish()?)
    }

    /// Adds the rows of one example.
    fn texts<'a>(
        &self,
        text: &'a str,
        pair: Option<&'a str>,
        hypotheses: &'a [String],
        dataset: &str,
        texts: &mut Vec<(&'a str, Option<&'a str>)>,
    ) -> Result<(), PlanError> {
        match self.outputs.task() {
            Task::Classification => texts.push((text, pair)),
            Task::ZeroShot => {
                texts.extend(hypotheses.iter().map(|hypothesis| (text, Some(hypothesis.as_str()))));
            }
            Task::Similarity => {
                let pair = pair.ok_or_else(|| PlanError::NoPair(dataset.to_owned()))?;
                texts.extend([(text, None), (pair, None)]);
            }
        }
        Ok(())
    }
}

fn meanings(labels: &[String], classes: &[usize]) -> Vec<LabelMeaning> {
    let pairs = labels.iter().zip(classes);
    pairs.map(|(label, class)| LabelMeaning { label: label.clone(), class: *class as u32 }).collect()
}
