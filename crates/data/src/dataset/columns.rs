//! Which column is the text, the pair and the label.

use std::path::Path;

use super::{DatasetError, manifest::Columns};

/// Names that come in twos on the Hub, most telling first.
const PAIRS: &[(&str, &str)] = &[
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("query", "passage"),
    ("text", "pair"),
];
/// Names of a single text.
const TEXTS: &[&str] = &["sentence", "text", "content", "document", "review", "question"];
/// Names of the answer.
const LABELS: &[&str] =
    &["label", "labels", "gold_label", "score", "similarity_score", "target", "class", "category"];

/// Columns that were found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The text, or the first of two.
    pub(super) text: String,
    /// The second text of a pair.
    pub(super) pair: Option<String>,
    /// The label or score.
    pub(super) label: String,
}

impl Found {
    /// The names, in the order text, label, pair.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = vec![self.text.as_str(), self.label.as_str()];
        names.extend(self.pair.as_deref());
        names
    }
}

/// Settles the columns: names given must exist, the rest is inferred from common names.
///
/// A pair is inferred only when the text is too: a named text without a pair is a single text.
pub(super) fn resolve(path: &Path, wanted: &Columns, columns: &[String]) -> Result<Found, DatasetError> {
    let Columns { text, pair, label } = wanted;
    for name in [text, pair, label].into_iter().flatten() {
        if !columns.contains(name) {
            let columns = columns.to_vec();
            return Err(DatasetError::Column { path: path.to_owned(), column: name.clone(), columns });
        }
    }
    let missing = |role| DatasetError::Infer { path: path.to_owned(), role, columns: columns.to_vec() };
    let (text, pair) = match text {
        Some(text) => (text.clone(), pair.clone()),
        None => infer_texts(pair.as_deref(), columns).ok_or_else(|| missing("text"))?,
    };
    let label = label.clone().or_else(|| present(columns, LABELS)).ok_or_else(|| missing("label"))?;
    Ok(Found { text, pair, label })
}

fn infer_texts(pair: Option<&str>, columns: &[String]) -> Option<(String, Option<String>)> {
    let has = |name: &str| columns.iter().any(|column| column == name);
    let both =
        PAIRS.iter().find(|(first, second)| has(first) && has(second) && pair.is_none_or(|p| p == *second));
    match both {
        Some((first, second)) => Some(((*first).to_owned(), Some((*second).to_owned()))),
        None if pair.is_none() => present(columns, TEXTS).map(|text| (text, None)),
        None => None,
    }
}

fn present(columns: &[String], names: &[&str]) -> Option<String> {
    names.iter().find(|name| columns.iter().any(|column| column == *name)).map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(wanted: Columns, columns: &[&str]) -> Result<Found, DatasetError> {
        let columns: Vec<_> = columns.iter().map(|c| (*c).to_owned()).collect();
        resolve(Path::new("d.jsonl"), &wanted, &columns)
    }

    #[test]
    fn the_hub_s_usual_names_are_known() {
        let cases: &[(&[&str], &str, Option<&str>)] = &[
            (&["premise", "hypothesis", "label", "idx"], "premise", Some("hypothesis")),
            (&["sentence1", "sentence2", "label"], "sentence1", Some("sentence2")),
            (&["question", "sentence", "label"], "question", Some("sentence")),
            (&["idx", "sentence", "label"], "sentence", None),
            (&["text", "label"], "text", None),
        ];
        for (columns, text, pair) in cases {
            let found = run(Columns::default(), columns).unwrap();
            assert_eq!((found.text.as_str(), found.pair.as_deref()), (*text, *pair));
            assert_eq!(found.label, "label");
        }
    }

    #[test]
    fn names_given_come_first() {
        let wanted = Columns { text: Some("a".into()), pair: Some("b".into()), label: Some("c".into()) };
        let found = run(wanted, &["premise", "hypothesis", "label", "a", "b", "c"]).unwrap();
        assert_eq!(found.names(), ["a", "c", "b"]);
        let only_text = Columns { text: Some("premise".into()), ..Columns::default() };
        assert_eq!(run(only_text, &["premise", "hypothesis", "label"]).unwrap().pair, None);
    }

    #[test]
    fn unknown_column_names_the_others() {
        let wanted = Columns { text: Some("premisse".into()), ..Columns::default() };
        let error = run(wanted, &["premise", "label"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`d.jsonl` has no column `premisse`; its columns are `premise` and `label`"
        );
        assert_eq!(error.hint().unwrap(), "did you mean `premise`?");
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let error = run(Columns::default(), &["body", "label"]).unwrap_err();
        let expected =
            "cannot tell which column of `d.jsonl` is the text; its columns are `body` and `label`";
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().contains("columns:"));
        assert!(run(Columns::default(), &["text"]).unwrap_err().to_string().contains("is the label"));
        let wanted = Columns { pair: Some("b".into()), ..Columns::default() };
        assert!(run(wanted, &["sentence", "b", "label"]).is_err());
    }
}
