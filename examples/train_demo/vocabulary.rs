//! The tokenizer: WordPiece over the grammar's own words.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use serde_json::json;
use tokenizers::decoders::wordpiece;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

/// In the order of their ids.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const PUNCTUATION: &str = "!\"'(),-.:;?";

/// The id of the piece that hides a word.
pub(crate) const MASK: u32 = 4;
/// The first id that stands for part of a word.
pub(crate) const FIRST_WORD: u32 = (SPECIAL.len() + PUNCTUATION.len()) as u32;

/// Endings that are pieces of their own, so that "peel" and "peeled" share their stem.
const ENDINGS: [&str; 4] = ["ed", "es", "s", "d"];

/// A tokenizer whose vocabulary covers the given sentences and spells out all other words.
pub(crate) fn build<'a>(sentences: impl Iterator<Item = &'a str>) -> Result<Tokenizer> {
    let vocabulary: BTreeMap<String, u32> = pieces(&count(sentences)).into_iter().zip(0..).collect();
    let model = json!({
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocabulary,
    });
    assemble(serde_json::from_str(&model.to_string())?)
}

/// How often each word occurs, in lower case.
fn count<'a>(sentences: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for sentence in sentences {
        let lower = sentence.to_lowercase();
        for word in lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    words
}

/// All pieces in the order of their ids: marks, letters, endings, then words from the commonest on.
fn pieces(words: &BTreeMap<String, usize>) -> Vec<String> {
    let known: BTreeSet<&str> = words.keys().map(String::as_str).collect();
    let inflected = |word: &str| {
        let has_stem = |ending: &str| word.strip_suffix(ending).is_some_and(|stem| known.contains(stem));
        word.len() > 4 && ENDINGS.iter().any(|ending| has_stem(ending))
    };
    let letters = || ('0'..='9').chain('a'..='z');
    let mut pieces: Vec<String> = SPECIAL.iter().map(|&piece| piece.to_owned()).collect();
    pieces.extend(PUNCTUATION.chars().map(String::from));
    pieces.extend(letters().map(String::from));
    pieces.extend(letters().map(|letter| format!("##{letter}")));
    pieces.extend(ENDINGS.iter().filter(|ending| ending.len() > 1).map(|ending| format!("##{ending}")));
    let mut whole: Vec<_> = words.iter().filter(|(word, _)| word.len() > 1 && !inflected(word)).collect();
    whole.sort_by_key(|&(word, count)| (std::cmp::Reverse(*count), word));
    pieces.extend(whole.into_iter().map(|(word, _)| word.clone()));
    pieces
}

/// Surrounds the vocabulary with BERT's ways of splitting and joining.
fn assemble(model: WordPiece) -> Result<Tokenizer> {
    let template = TemplateProcessing::builder()
        .try_single("[CLS] $A [SEP]")
        .and_then(|template| template.try_pair("[CLS] $A [SEP] $B:1 [SEP]:1"))
        .map_err(|error| anyhow!("failed to read the template: {error}"))?
        .special_tokens(vec![("[CLS]", 2), ("[SEP]", 3)])
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(BertNormalizer::new(true, true, None, true)))
        .map_err(|error| anyhow!("failed to set the normalizer: {error}"))?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(template))
        .with_decoder(Some(wordpiece::WordPiece::default()));
    let special = SPECIAL.map(|piece| AddedToken::from(piece, true));
    tokenizer
        .add_special_tokens(special)
        .map_err(|error| anyhow!("failed to add special tokens: {error}"))?;
    Ok(tokenizer)
}
