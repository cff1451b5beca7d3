//! Phrases: what is done, by whom, and how English spells it.

use super::lexicon::Verb;

/// A verb phrase without its subject.
#[derive(Clone)]
pub(crate) struct Deed {
    pub(crate) verb: Verb,
    /// The object with its article, or nothing.
    pub(crate) object: String,
    /// Where or when, or nothing.
    pub(crate) extra: String,
}

impl Deed {
    /// "bought a car in the market".
    pub(crate) fn past(&self) -> String {
        join(&[self.verb[1], &self.object, &self.extra])
    }

    /// "buy a car in the market".
    pub(crate) fn base(&self) -> String {
        join(&[self.verb[0], &self.object, &self.extra])
    }

    /// "did not buy a car".
    pub(crate) fn denied(&self) -> String {
        format!("did not {}", self.base())
    }

    /// Past tense, denied unless `holds`.
    pub(crate) fn past_if(&self, holds: bool) -> String {
        if holds { self.past() } else { self.denied() }
    }

    /// The same deed with other circumstances.
    pub(crate) fn with_extra(&self, extra: &str) -> Self {
        Self { extra: extra.to_owned(), ..self.clone() }
    }

    /// The passive with `subject` as its agent.
    pub(crate) fn passive(&self, subject: &str, holds: bool) -> String {
        let be = if holds { "was" } else { "was not" };
        join(&[&self.object, be, self.verb[2], "by", subject, &self.extra])
    }
}

/// Words with single spaces between them, skipping empty ones.
pub(crate) fn join(words: &[&str]) -> String {
    words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// The noun phrase with "a" or "an".
pub(crate) fn indefinite(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// The regular plural.
pub(crate) fn plural(noun: &str) -> String {
    match noun {
        _ if noun.ends_with(['s', 'x']) || noun.ends_with("ch") || noun.ends_with("sh") => {
            format!("{noun}es")
        }
        _ if noun.ends_with('y') => format!("{}ies", &noun[..noun.len() - 1]),
        _ => format!("{noun}s"),
    }
}

/// Upper case for the first letter and a full stop.
pub(crate) fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
