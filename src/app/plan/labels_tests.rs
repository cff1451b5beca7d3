use super::*;

const NLI: [&str; 3] = ["entailment", "neutral", "contradiction"];

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn map(dataset: &[&str], model: &[&str], pairs: Option<&[(&str, &str)]>) -> Result<Vec<usize>, LabelError> {
    let pairs: Option<BTreeMap<_, _>> =
        pairs.map(|pairs| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect());
    map_labels(&owned(dataset), &owned(model), pairs.as_ref())
}

#[test]
fn names_decide_not_numbers() {
    assert_eq!(map(&NLI, &["CONTRADICTION", "NEUTRAL", "ENTAILMENT"], None), Ok(vec![2, 1, 0]));
    assert_eq!(
        map(&["entailment", "not_entailment"], &["Not-Entailment", "Entailment"], None),
        Ok(vec![1, 0])
    );
    assert_eq!(map(&["not entailment"], &["notentailment"], None), Ok(vec![0]));
}

#[test]
fn a_map_folds_three_classes_into_two() {
    let pairs = [("neutral", "not_entailment"), ("contradiction", "not_entailment")];
    assert_eq!(map(&NLI, &["entailment", "not_entailment"], Some(&pairs)), Ok(vec![0, 1, 1]));
}

#[test]
fn missing_class_is_refused() {
    let error = map(&NLI, &["entailment", "not_entailment"], None).unwrap_err();
    let expected = "dataset label `neutral` is no class of the model, whose classes are \
                    `entailment` and `not_entailment`";
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().unwrap().contains("label_map:\n      entailment: entailment"));
    assert!(map(&["entailment", "not_entailment"], &NLI, None).is_err());
}

#[test]
fn inference_folds_without_a_map() {
    let two = ["not_entailment", "entailment"];
    let found = match_labels(&owned(&NLI), &owned(&two), None).unwrap();
    assert_eq!(
        (found.rule, found.gold, found.predictions),
        (LabelRule::FoldedGold, vec![1, 0, 0], vec![0, 1])
    );
    assert_eq!(found.names, two);
    let found = match_labels(&owned(&two), &owned(&NLI), None).unwrap();
    assert_eq!((found.rule, found.gold), (LabelRule::FoldedPredictions, vec![0, 1]));
    assert_eq!((found.names, found.predictions), (owned(&two), vec![1, 0, 0]));
    // A map is the user's word; what it leaves open stays an error.
    let map = BTreeMap::from([("neutral".to_owned(), "not_entailment".to_owned())]);
    assert!(matches!(
        match_labels(&owned(&NLI), &owned(&two), Some(&map)),
        Err(LabelError::Unmatched { label, .. }) if label == "contradiction"
    ));
    assert!(match_labels(&owned(&["negative", "positive"]), &owned(&NLI), None).is_err());
}

#[test]
fn orders_of_mnli_differ_between_checkpoints() {
    let orders: [&[&str]; 3] = [
        &["CONTRADICTION", "NEUTRAL", "ENTAILMENT"],
        &["contradiction", "entailment", "neutral"],
        &["Entailment", "Neutral", "Contradiction"],
    ];
    for (order, gold) in orders.into_iter().zip([[2, 1, 0], [1, 2, 0], [0, 1, 2]]) {
        let found = match_labels(&owned(&NLI), &owned(order), None).unwrap();
        assert_eq!((found.rule, found.gold), (LabelRule::ByName, gold.to_vec()));
    }
}

#[test]
fn a_shared_class_needs_both_in_the_map() {
    let error = map(&["a", "b"], &["a", "c"], Some(&[("b", "a")])).unwrap_err();
    assert_eq!(error.to_string(), "dataset labels `a` and `b` both mean the model's class `a`");
    assert!(error.hint().unwrap().contains("b: a"));
    assert!(matches!(map(&["Yes", "yes"], &["yes"], None), Err(LabelError::Shared { .. })));
}

#[test]
fn placeholders_need_a_map() {
    let error = map(&NLI, &["LABEL_0", "LABEL_1", "LABEL_2"], None).unwrap_err();
    assert!(matches!(error, LabelError::UnnamedClasses { .. }));
    assert!(error.hint().unwrap().contains("entailment: LABEL_0"));
    let pairs = [("entailment", "LABEL_2"), ("neutral", "LABEL_1"), ("contradiction", "label_0")];
    assert_eq!(map(&NLI, &["LABEL_0", "LABEL_1", "LABEL_2"], Some(&pairs)), Ok(vec![2, 1, 0]));
}

#[test]
fn numbers_need_names() {
    let error = map(&["0", "1"], &["negative", "positive"], None).unwrap_err();
    assert_eq!(error.to_string(), "the dataset's labels have no names, only the numbers `0` and `1`");
    assert!(error.hint().unwrap().contains("label_names: [negative, positive]"));
}

#[test]
fn the_map_itself_is_checked() {
    let error = map(&NLI, &NLI, Some(&[("entailmnt", "neutral")])).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `entailment`?");
    let error = map(&NLI, &NLI, Some(&[("neutral", "nutral")])).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `neutral`?");
}

#[test]
fn nothing_maps_to_nothing() {
    assert_eq!(map(&[], &NLI, None), Ok(vec![]));
    assert!(matches!(map(&["a"], &[], None), Err(LabelError::UnnamedClasses { .. })));
}
