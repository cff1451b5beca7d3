//! Which class of the model a dataset's label means: by name, never by number.
//!
//! Numbers do not travel: MNLI's 0 is entailment, `bart-large-mnli`'s 0 is contradiction.

use std::collections::BTreeMap;

use gatecheck_base::text::{self, loosely};
use gatecheck_judge::record::LabelRule;

use super::inference::{Fold, find_relations, fold, names_relation};

/// The classes that are scored, and what counts as which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabelMatch {
    /// Names of the scored classes.
    pub(super) names: Vec<String>,
    /// How the two sides met in them.
    pub(super) rule: LabelRule,
    /// For each dataset label its position in `names`.
    pub(super) gold: Vec<usize>,
    /// For each class of the model its position in `names`.
    pub(super) predictions: Vec<usize>,
}

/// Brings the labels of a dataset and the classes of a model together: by `label_map` and name
/// ([`map_labels`]), or, where both are of natural-language inference and one side tells neutral from
/// contradiction and the other does not, by the coarser side.
pub(super) fn match_labels(
    dataset_labels: &[String],
    model_labels: &[String],
    label_map: Option<&BTreeMap<String, String>>,
) -> Result<LabelMatch, LabelError> {
    let identity = |labels: &[String]| (0..labels.len()).collect();
    let (names, rule, gold, predictions) = match map_labels(dataset_labels, model_labels, label_map) {
        Ok(gold) => {
            let rule = if label_map.is_some() { LabelRule::LabelMap } else { LabelRule::ByName };
            (model_labels, rule, gold, identity(model_labels))
        }
        Err(error) => match fold(dataset_labels, model_labels).filter(|_| label_map.is_none()) {
            Some(Fold::Gold(gold)) => (model_labels, LabelRule::FoldedGold, gold, identity(model_labels)),
            Some(Fold::Predictions(predictions)) => {
                (dataset_labels, LabelRule::FoldedPredictions, identity(dataset_labels), predictions)
            }
            None => return Err(error),
        },
    };
    Ok(LabelMatch { names: names.to_vec(), rule, gold, predictions })
}

/// Why a dataset's labels cannot be scored against a model's classes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// A dataset label that no class of the model is called.
    #[error("dataset label `{label}` is no class of the model, whose classes are {}", text::list(.model_labels, 12))]
    Unmatched {
        /// The label.
        label: String,
        /// Every dataset label, for the hint.
        dataset_labels: Vec<String>,
        /// The model's classes.
        model_labels: Vec<String>,
    },
    /// Two dataset labels mean one class and the label map does not say so for both.
    #[error("dataset labels `{first}` and `{second}` both mean the model's class `{model_label}`")]
    Shared {
        /// The earlier label.
        first: String,
        /// The later label.
        second: String,
        /// The class.
        model_label: String,
    },
    /// The model's classes are placeholders such as `LABEL_0`.
    #[error("the model's classes have no names, only {}", text::list(.model_labels, 12))]
    UnnamedClasses {
        /// Every dataset label, for the hint.
        dataset_labels: Vec<String>,
        /// The placeholders.
        model_labels: Vec<String>,
    },
    /// The dataset's labels are numbers without names.
    #[error("the dataset's labels have no names, only the numbers {}", text::list(.dataset_labels, 12))]
    UnnamedDataset {
        /// The numbers.
        dataset_labels: Vec<String>,
        /// The model's classes, for the hint.
        model_labels: Vec<String>,
    },
    /// The label map speaks of a label that the dataset lacks.
    #[error("`label_map` names `{key}`, but the dataset's labels are {}", text::list(.dataset_labels, 12))]
    UnknownKey {
        /// The left side of the map.
        key: String,
        /// The dataset's labels.
        dataset_labels: Vec<String>,
    },
    /// The label map leads to a class that the model lacks.
    #[error("`label_map` leads from `{key}` to `{target}`, but the model's classes are {}", text::list(.model_labels, 12))]
    UnknownTarget {
        /// The left side of the map.
        key: String,
        /// The right side of the map.
        target: String,
        /// The model's classes.
        model_labels: Vec<String>,
    },
}

impl LabelError {
    /// The way out, to be printed after the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unmatched { dataset_labels, model_labels, .. }
            | Self::UnnamedClasses { dataset_labels, model_labels } => {
                let snippet = snippet(dataset_labels, model_labels);
                let hint = format!("say what each label means, in the dataset's entry:\n{snippet}");
                let can_be_asked = find_relations(model_labels).is_some() && !names_relation(dataset_labels);
                let way = "\nor ask the model about each label, with `task: zero-shot-classification` there";
                Some(if can_be_asked { hint + way } else { hint })
            }
            Self::Shared { first, second, model_label } => Some(format!(
                "if that is meant, give both:\n    label_map:\n      {first}: {model_label}\n      {second}: {model_label}"
            )),
            Self::UnnamedDataset { dataset_labels, model_labels } => {
                let names: Vec<_> = (0..dataset_labels.len())
                    .map(|i| model_labels.get(i).map_or("name", String::as_str))
                    .collect();
                Some(format!(
                    "give the dataset an entry with their names in order, such as `label_names: [{}]` \
                     (check the order with the dataset's card)",
                    names.join(", ")
                ))
            }
            Self::UnknownKey { key, dataset_labels } => {
                let nearest = text::nearest(key, dataset_labels.iter().map(String::as_str))?;
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::UnknownTarget { target, model_labels, .. } => {
                let nearest = text::nearest(target, model_labels.iter().map(String::as_str))?;
                Some(format!("did you mean `{nearest}`?"))
            }
        }
    }
}

/// A `label_map` to be filled in; the right sides are the model's classes in their order.
fn snippet(dataset_labels: &[String], model_labels: &[String]) -> String {
    let mut lines = vec!["    label_map:".to_owned()];
    for (position, label) in dataset_labels.iter().enumerate() {
        let class = model_labels.get(position).or(model_labels.last()).map_or("class", String::as_str);
        lines.push(format!("      {label}: {class}  # one of {}", text::list(model_labels, 12)));
    }
    lines.join("\n")
}

/// The model's class for each dataset label, as positions in `model_labels`.
///
/// Names match whatever their case and without `_`, `-` and spaces. `label_map` (dataset label to
/// model class) comes first; labels it leaves out match by name. Two labels may share a class only
/// when the map says so for both.
fn map_labels(
    dataset_labels: &[String],
    model_labels: &[String],
    label_map: Option<&BTreeMap<String, String>>,
) -> Result<Vec<usize>, LabelError> {
    let explicit = resolve_map(dataset_labels, model_labels, label_map)?;
    let mut classes: Vec<usize> = Vec::with_capacity(dataset_labels.len());
    for (position, label) in dataset_labels.iter().enumerate() {
        let by_name = || find(label, model_labels);
        let Some(class) = explicit[position].or_else(by_name) else {
            return Err(unmatched(label, dataset_labels, model_labels));
        };
        if let Some(earlier) = classes.iter().position(|taken| *taken == class)
            && (explicit[earlier].is_none() || explicit[position].is_none())
        {
            return Err(LabelError::Shared {
                first: dataset_labels[earlier].clone(),
                second: label.clone(),
                model_label: model_labels[class].clone(),
            });
        }
        classes.push(class);
    }
    Ok(classes)
}

/// The class that the map gives each dataset label, where it gives one.
fn resolve_map(
    dataset_labels: &[String],
    model_labels: &[String],
    label_map: Option<&BTreeMap<String, String>>,
) -> Result<Vec<Option<usize>>, LabelError> {
    let mut explicit = vec![None; dataset_labels.len()];
    for (key, target) in label_map.into_iter().flatten() {
        let position = find(key, dataset_labels).ok_or_else(|| LabelError::UnknownKey {
            key: key.clone(),
            dataset_labels: dataset_labels.to_vec(),
        })?;
        let class = find(target, model_labels).ok_or_else(|| LabelError::UnknownTarget {
            key: key.clone(),
            target: target.clone(),
            model_labels: model_labels.to_vec(),
        })?;
        explicit[position] = Some(class);
    }
    Ok(explicit)
}

fn unmatched(label: &str, dataset_labels: &[String], model_labels: &[String]) -> LabelError {
    let (dataset_labels, model_labels) = (dataset_labels.to_vec(), model_labels.to_vec());
    if model_labels.iter().all(|label| is_placeholder(label)) {
        LabelError::UnnamedClasses { dataset_labels, model_labels }
    } else if dataset_labels.iter().all(|label| label.parse::<u64>().is_ok()) {
        LabelError::UnnamedDataset { dataset_labels, model_labels }
    } else {
        LabelError::Unmatched { label: label.to_owned(), dataset_labels, model_labels }
    }
}

/// Whether transformers made the name up, as it does for a model saved without label names.
fn is_placeholder(label: &str) -> bool {
    label.strip_prefix("LABEL_").is_some_and(|rest| rest.parse::<u64>().is_ok())
}

/// The position of `name`: exactly, or else loosely.
fn find(name: &str, labels: &[String]) -> Option<usize> {
    let exact = labels.iter().position(|label| label == name);
    exact.or_else(|| labels.iter().position(|label| loosely(label) == loosely(name)))
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
