//! Whether a candidate's own tokenizer reads texts as the original's does, which is the one that is fed.

use std::path::Path;

use gatecheck_base::{kind::ErrorKind, text};
use gatecheck_data::dataset::{Dataset, Example};
use gatecheck_model::tokenizer::TextEncoder;

use super::{error::PlanError, original::Original};
use crate::app::settings::Texts;

/// Texts that are compared.
const COMPARED: usize = 1_000;
/// Texts that are shown.
const SHOWN: usize = 3;
/// Ids of each that are shown.
const IDS: usize = 8;

/// What is odd about the tokenizer of a candidate, in plain words; nothing if it gives the same ids for the first texts of
/// the dataset.
pub fn tokenizer_finding(
    original: &Original,
    candidate: &Path,
    dataset: &Dataset,
    texts: &Texts,
) -> Result<Option<String>, PlanError> {
    let has = |name: &str| candidate.join(name).is_file();
    if !["tokenizer.json", "vocab.txt"].into_iter().any(has) {
        return Ok(Some("it has no tokenizer of its own; the original's was taken".to_owned()));
    }
    let open = |folder| {
        TextEncoder::open(folder, &original.config, texts.truncation, texts.max_length, texts.token_types)
    };
    let own = match open(candidate) {
        Err(error) if error.kind() == ErrorKind::Disk => return Err(error.into()),
        Err(error) => {
            return Ok(Some(format!("its tokenizer cannot be used, the original's was taken: {error}")));
        }
        Ok(own) => own,
    };
    let theirs = open(original.folder())?;
    let (mut compared, mut differ, mut shown) = (0, 0, Vec::new());
    dataset.each(COMPARED, |examples: &[Example]| {
        let left = COMPARED.saturating_sub(compared);
        let rows: Vec<_> =
            examples.iter().take(left).map(|row| (row.text.as_str(), row.pair.as_deref())).collect();
        compared += rows.len();
        let both = own.encode(&rows)?.into_iter().zip(theirs.encode(&rows)?);
        for ((own, theirs), (text, _)) in both.zip(&rows) {
            if own.ids == theirs.ids {
                continue;
            }
            differ += 1;
            if shown.len() < SHOWN {
                shown.push(format!("{text:?} is {} instead of {}", ids(&own.ids), ids(&theirs.ids)));
            }
        }
        Ok::<_, PlanError>(())
    })?;
    let finding = || {
        let texts = text::thousands(compared as u64);
        format!(
            "its tokenizer gives other ids for {differ} of {texts} texts, the original's were fed: {}",
            shown.join("; ")
        )
    };
    Ok((differ > 0).then(finding))
}

fn ids(ids: &[u32]) -> String {
    let some: Vec<_> = ids.iter().take(IDS).map(u32::to_string).collect();
    format!("[{}{}]", some.join(" "), if ids.len() > IDS { " …" } else { "" })
}
