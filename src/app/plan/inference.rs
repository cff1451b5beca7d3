//! What the labels of natural-language inference mean, by name: enough to score a dataset that tells
//! three relations with a model that tells two, or the other way round, and to ask a model whether a
//! text is about something (<https://arxiv.org/abs/1909.00161>).

use gatecheck_base::text::loosely;

/// How a hypothesis follows from a premise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Entailment,
    Neutral,
    Contradiction,
    /// One of the two before, not told which.
    NotEntailment,
}

use Relation::{Contradiction, Entailment, Neutral, NotEntailment};

/// Three relations told apart.
const THREE: &[Relation] = &[Entailment, Neutral, Contradiction];
/// Two.
const TWO: &[Relation] = &[Entailment, NotEntailment];

/// Which label of the one side counts as which of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fold {
    /// The model's class for each dataset label: neutral and contradiction are not entailment.
    Gold(Vec<usize>),
    /// The dataset's label for each class of the model, likewise.
    Predictions(Vec<usize>),
}

/// Brings labels together that differ in how many relations they tell. `None` where that is not how
/// they differ.
pub(super) fn fold(dataset_labels: &[String], model_labels: &[String]) -> Option<Fold> {
    let (dataset, model) = (relations(dataset_labels)?, relations(model_labels)?);
    if is_all_of(&model, TWO) && is_part_of(&dataset, THREE) {
        Some(Fold::Gold(places(&dataset, &model)?))
    } else if is_part_of(&dataset, TWO) && is_all_of(&model, THREE) {
        Some(Fold::Predictions(places(&model, &dataset)?))
    } else {
        None
    }
}

/// The classes that a zero-shot question reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relations {
    /// The class for "the hypothesis follows".
    pub(super) entailment: usize,
    /// The class for "it contradicts", or for "it does not follow" of a model that tells only two.
    pub(super) against: usize,
}

/// The classes of a model that tells whether a hypothesis follows; `None` for another model.
pub(super) fn find_relations(model_labels: &[String]) -> Option<Relations> {
    let relations: Vec<_> = model_labels.iter().map(|label| relation(label)).collect();
    let place = |wanted| relations.iter().position(|relation| *relation == Some(wanted));
    let against = place(Contradiction).or_else(|| place(NotEntailment))?;
    Some(Relations { entailment: place(Entailment)?, against })
}

/// Whether any of the labels is the name of a relation.
pub(super) fn names_relation(labels: &[String]) -> bool {
    labels.iter().any(|label| relation(label).is_some())
}

fn relation(label: &str) -> Option<Relation> {
    let label = loosely(label);
    match label.as_str() {
        "notentailment" | "nonentailment" | "notentailed" | "noentailment" => Some(NotEntailment),
        "neutral" => Some(Neutral),
        _ if label.starts_with("entail") => Some(Entailment),
        _ if label.starts_with("contradict") => Some(Contradiction),
        _ => None,
    }
}

/// All of them, each a relation of its own.
fn relations(labels: &[String]) -> Option<Vec<Relation>> {
    let relations: Vec<_> = labels.iter().map(|label| relation(label)).collect::<Option<_>>()?;
    let is_new = |place: usize| !relations[..place].contains(&relations[place]);
    (0..relations.len()).all(is_new).then_some(relations)
}

fn is_part_of(relations: &[Relation], whole: &[Relation]) -> bool {
    !relations.is_empty() && relations.iter().all(|relation| whole.contains(relation))
}

fn is_all_of(relations: &[Relation], whole: &[Relation]) -> bool {
    relations.len() == whole.len() && is_part_of(relations, whole)
}

/// Where each of `relations` stands among `others`, of which some tell it less finely.
fn places(relations: &[Relation], others: &[Relation]) -> Option<Vec<usize>> {
    let place = |wanted: Relation| others.iter().position(|other| *other == wanted);
    relations.iter().map(|relation| place(*relation).or_else(|| place(NotEntailment))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    fn folded(dataset: &[&str], model: &[&str]) -> Option<Fold> {
        fold(&owned(dataset), &owned(model))
    }

    #[test]
    fn three_relations_fold_into_two() {
        let three = ["entailment", "neutral", "contradiction"];
        assert_eq!(folded(&three, &["Entailment", "not-entailment"]), Some(Fold::Gold(vec![0, 1, 1])));
        assert_eq!(folded(&three, &["not_entailment", "entailment"]), Some(Fold::Gold(vec![1, 0, 0])));
        assert_eq!(folded(&["neutral"], &["not_entailment", "entailment"]), Some(Fold::Gold(vec![0])));
        let model = ["CONTRADICTION", "NEUTRAL", "ENTAILMENT"];
        let dataset = ["entailment", "not_entailment"];
        assert_eq!(folded(&dataset, &model), Some(Fold::Predictions(vec![1, 1, 0])));
    }

    #[test]
    fn nothing_else_is_folded() {
        let three = ["entailment", "neutral", "contradiction"];
        assert_eq!(folded(&three, &["negative", "positive"]), None);
        assert_eq!(folded(&["World", "Sports"], &three), None);
        assert_eq!(folded(&three, &["entailment", "contradiction"]), None);
        assert_eq!(folded(&["entailment", "entailed"], &["entailment", "not_entailment"]), None);
        assert_eq!(folded(&["entailment"], &three), None, "nothing of the model's would count as it");
        assert_eq!(folded(&[], &["entailment", "not_entailment"]), None);
    }

    #[test]
    fn relations_are_found_by_name() {
        let found = |labels: &[&str]| find_relations(&owned(labels)).map(|it| (it.entailment, it.against));
        assert_eq!(found(&["entailment", "neutral", "contradiction"]), Some((0, 2)));
        assert_eq!(found(&["contradiction", "entailment", "neutral"]), Some((1, 0)));
        assert_eq!(found(&["entailment", "not_entailment"]), Some((0, 1)));
        assert_eq!(found(&["LABEL_0", "LABEL_1", "LABEL_2"]), None);
        assert_eq!(found(&["negative", "positive"]), None);
    }
}
