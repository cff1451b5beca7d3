//! The model that was converted, and what its own card says that holds for the conversion too.

use std::path::Path;

use gatecheck_base::fs::read_text;
use gatecheck_data::hub::{Hub, HubSettings, check_id};
use gatecheck_model::convert::Artefact;
use serde::Deserialize;

use super::{error::UploadError, files::CARD, request::Request};

/// Largest front matter that is looked at.
const FRONT_MATTER: usize = 1 << 16;

/// The model that was converted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Original {
    /// Its id on the Hub.
    pub(super) id: Option<String>,
    /// Its commit there.
    pub(super) revision: Option<String>,
    /// What its card says.
    pub(super) inherited: Inherited,
}

/// What the conversion inherits of the original's card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Inherited {
    #[serde(default)]
    pub(super) license: OneOrMore,
    #[serde(default)]
    pub(super) license_name: OneOrMore,
    #[serde(default)]
    pub(super) license_link: OneOrMore,
    #[serde(default)]
    pub(super) language: OneOrMore,
    #[serde(default)]
    pub(super) pipeline_tag: OneOrMore,
    /// Of what another tool converted.
    #[serde(default)]
    base_model: OneOrMore,
}

/// A word, or a list of words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    #[default]
    None,
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    /// All of them.
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(word) => std::slice::from_ref(word),
            Self::More(words) => words,
        }
    }
}

impl Original {
    /// Finds the original and its card, and says what could not be found.
    pub(super) fn find(request: &Request, artefact: &Artefact) -> Result<(Self, Vec<String>), UploadError> {
        let metadata = artefact.metadata.as_ref();
        let on_hub = metadata.filter(|metadata| metadata.revision.is_some());
        let mut original = Self {
            id: on_hub.map(|metadata| metadata.source.clone()),
            revision: on_hub.and_then(|metadata| metadata.revision.clone()),
            ..Self::default()
        };
        if let Some(id) = &request.base_model {
            check_id(id).map_err(UploadError::Id)?;
            if original.id.as_ref() != Some(id) {
                (original.id, original.revision) = (Some(id.clone()), None);
            }
        }
        let mut notes = Vec::new();
        let card = match (&original.id, metadata) {
            (Some(id), _) => on_the_hub(id, original.revision.as_deref(), &mut notes),
            (None, Some(metadata)) => beside(Path::new(&metadata.source)),
            (None, None) => beside(&artefact.folder),
        };
        original.inherited = card.as_deref().map(inherited).unwrap_or_default();
        if original.id.is_none() && metadata.is_none() {
            original.id =
                original.inherited.base_model.all().first().filter(|id| check_id(id).is_ok()).cloned();
        }
        if original.id.is_none() {
            notes.push("the card names no base model: give its id on the Hub as `--base-model`".to_owned());
        }
        if original.inherited.license.all().is_empty() {
            notes.push("the card names no licence: none was found with the original".to_owned());
        }
        Ok((original, notes))
    }
}

fn on_the_hub(id: &str, revision: Option<&str>, notes: &mut Vec<String>) -> Option<String> {
    let card = Hub::new(HubSettings::from_env()).and_then(|hub| hub.model_card(id, revision));
    card.unwrap_or_else(|error| {
        notes.push(format!("the original's card could not be had: {error}"));
        None
    })
}

fn beside(folder: &Path) -> Option<String> {
    read_text(&folder.join(CARD)).ok()
}

/// What stands between the two lines of dashes at the head of a card. What cannot be read is as if it were not
/// there: others' cards are others' business.
fn inherited(card: &str) -> Inherited {
    let text = card.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let matter =
        text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---")).map(|(matter, _)| matter);
    let matter = matter.filter(|matter| matter.len() <= FRONT_MATTER);
    // `no` is Norwegian, not false.
    let options = serde_saphyr::options! { strict_booleans: true };
    matter.and_then(|it| serde_saphyr::from_str_with_options(it, options).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &OneOrMore) -> Vec<&str> {
        words.all().iter().map(String::as_str).collect()
    }

    #[test]
    fn what_a_card_says() {
        let card = "---\nlanguage:\n- en\n- no\nlicense: apache-2.0\ntags: [a, 1]\nmodel-index:\n- name: x\n  \
                    results: []\nwidget:\n  - text: 'a: b'\npipeline_tag: sentence-similarity\n---\n# title\n---\n";
        for card in [card.to_owned(), card.replace('\n', "\r\n"), format!("\u{feff}{card}")] {
            let found = inherited(&card);
            assert_eq!(words(&found.language), ["en", "no"]);
            assert_eq!(words(&found.license), ["apache-2.0"]);
            assert_eq!(words(&found.pipeline_tag), ["sentence-similarity"]);
            assert_eq!(words(&found.license_link), [""; 0]);
        }
        assert_eq!(words(&inherited("---\nlanguage: en\nlicense:\n---\n").language), ["en"]);
    }

    #[test]
    fn what_is_no_front_matter_says_nothing() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\n".repeat(3);
        let long = format!("---\nlicense: {}\n---\n", "x".repeat(FRONT_MATTER));
        for card in [
            "",
            "# title\n",
            "---\nlicense: mit\n",
            "---\n[\n---\n",
            "---\nlicense: {a: 1}\n---\n",
            &bomb,
            &long,
        ] {
            assert_eq!(inherited(card), Inherited::default(), "{card}");
        }
    }
}
