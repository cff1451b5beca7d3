//! A word that should have been one of those known.

use gatecheck_base::text;

/// A word that is none of those known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{word}`")]
pub struct Unknown {
    /// What was looked for, such as `configured dataset`.
    pub what: &'static str,
    /// The word given.
    pub word: String,
    /// The words known.
    pub known: Vec<String>,
}

impl Unknown {
    /// Nothing of that kind is called `word`.
    pub fn new(what: &'static str, word: &str, known: Vec<String>) -> Self {
        Self { what, word: word.to_owned(), known }
    }

    /// The nearest known word, and all of them.
    pub fn hint(&self) -> String {
        let known = text::list(&self.known, 20);
        match text::nearest(&self.word, self.known.iter().map(String::as_str)) {
            Some(nearest) => format!("did you mean `{nearest}`? Known are {known}"),
            None => format!("known are {known}"),
        }
    }
}
