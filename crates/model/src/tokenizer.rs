//! Texts to token ids, in parallel, with the limit of the model. The one home of `tokenizers`.

use std::path::{Path, PathBuf};

use gatecheck_base::{foreign, kind::ErrorKind};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokenizers::{
    NormalizerWrapper, PostProcessor, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
    normalizers::{Lowercase, Sequence},
};

use crate::{
    batch::Encoded,
    config::ModelConfig,
    token_types::{TokenTypes, class},
    vocabulary::{VOCABULARY, tokenizer_json},
};

/// What transformers knows of a tokenizer beside `tokenizer.json`.
const SETTINGS: &str = "tokenizer_config.json";

/// Vocabularies of tokenizers that were saved without `tokenizer.json`.
const OLDER: [&str; 6] =
    [VOCABULARY, "vocab.json", "spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"];

/// What can go wrong between text and token ids.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// No `tokenizer.json`.
    #[error("no `tokenizer.json` in `{}`", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// A file of an older tokenizer that is there instead.
        older: Option<&'static str>,
    },
    /// `tokenizer.json` or `tokenizer_config.json` cannot be used.
    #[error("failed to read `{}`: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// The tokenizer knows more tokens than the model.
    #[error("the tokenizer knows {tokens} tokens, the model's embedding has {rows} rows")]
    Vocabulary {
        /// Highest id of the tokenizer plus one.
        tokens: usize,
        /// Rows of the embedding.
        rows: usize,
    },
    /// The limit leaves no room for text.
    #[error("a limit of {limit} tokens leaves no room for text beside {special} special tokens")]
    Limit {
        /// The limit.
        limit: usize,
        /// Special tokens of a pair.
        special: usize,
    },
    /// One text has no token, not even a special one.
    #[error("example {example} gives no token")]
    Empty {
        /// Position in the dataset.
        example: usize,
    },
    /// One text could not be encoded.
    #[error("failed to tokenise example {example}: {reason}")]
    Encode {
        /// Position in the dataset.
        example: usize,
        /// What the tokenizers library said.
        reason: String,
    },
}

impl TokenizerError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { older: Some(file), .. } => Some(format!(
                "the folder has `{file}`, the form of a slow tokenizer; write `tokenizer.json` once with \
                 `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)` in transformers"
            )),
            Self::Missing { .. } => {
                Some("copy `tokenizer.json` of the original model into the folder".to_owned())
            }
            Self::Vocabulary { .. } => Some(
                "the tokenizer belongs to another model; take the one of this model, without tokens added to it"
                    .to_owned(),
            ),
            Self::Limit { .. } => Some("raise `max_length` of the dataset's preprocessing".to_owned()),
            Self::Encode { .. } => Some(
                "with `only_first` or `only_second` the other text alone may fill the limit; use `longest_first`, or a \
                 shorter hypothesis template"
                    .into(),
            ),
            _ => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Limit { .. } => ErrorKind::Usage,
            Self::Missing { .. }
            | Self::Malformed { .. }
            | Self::Vocabulary { .. }
            | Self::Empty { .. }
            | Self::Encode { .. } => ErrorKind::Model,
        }
    }
}

/// Which text of a pair gives way when both do not fit; the names are those of transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// The longer one, token by token.
    #[default]
    LongestFirst,
    /// The first.
    OnlyFirst,
    /// The second.
    OnlySecond,
}

/// A model's tokenizer with its limit.
#[derive(Debug)]
pub struct TextEncoder {
    tokenizer: Tokenizer,
    max_length: usize,
    token_types: TokenTypes,
}

impl TextEncoder {
    /// Reads `tokenizer.json`, or the `vocab.txt` of BERT's kin. The limit is the smallest of the model's
    /// positions, `model_max_length` of `tokenizer_config.json`, `max_seq_length` of
    /// sentence-transformers, and `max_length`. `token_types` overrules what the folder says about them.
    pub fn open(
        folder: &Path,
        config: &ModelConfig,
        truncation: Truncation,
        max_length: Option<usize>,
        token_types: Option<bool>,
    ) -> Result<Self, TokenizerError> {
        let settings = settings(folder)?;
        let token_types = TokenTypes::decide(config, &settings, token_types)
            .map_err(|reason| TokenizerError::Malformed { path: folder.join(SETTINGS), reason })?;
        let (mut tokenizer, path) = tokenizer(folder, config, &settings)?;
        let malformed = |error: tokenizers::Error| TokenizerError::Malformed {
            path: path.clone(),
            reason: error.to_string(),
        };
        let special =
            try_out(&tokenizer).map_err(|reason| TokenizerError::Malformed { path: path.clone(), reason })?;
        let tokens = tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if tokens > config.limits.vocabulary {
            return Err(TokenizerError::Vocabulary { tokens, rows: config.limits.vocabulary });
        }
        let limits =
            [Some(config.limits.positions), model_max_length(&settings), config.sentence_limit, max_length];
        let limit = limits.into_iter().flatten().min().unwrap_or(usize::MAX);
        if limit <= special {
            return Err(TokenizerError::Limit { limit, special });
        }
        let strategy = match truncation {
            Truncation::LongestFirst => TruncationStrategy::LongestFirst,
            Truncation::OnlyFirst => TruncationStrategy::OnlyFirst,
            Truncation::OnlySecond => TruncationStrategy::OnlySecond,
        };
        let direction = truncation_side(&settings)
            .map_err(|reason| TokenizerError::Malformed { path: folder.join(SETTINGS), reason })?;
        if config.lower_case {
            lower_case(&mut tokenizer).map_err(malformed)?;
        }
        tokenizer
            .with_padding(None)
            .with_truncation(Some(TruncationParams {
                max_length: limit,
                strategy,
                direction,
                ..TruncationParams::default()
            }))
            .map_err(malformed)?;
        Ok(Self { tokenizer, max_length: limit, token_types })
    }

    /// The limit in tokens.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Whether the model is told the texts of a pair apart.
    pub fn token_types(&self) -> &TokenTypes {
        &self.token_types
    }

    /// Encodes texts or pairs, in order.
    pub fn encode(&self, texts: &[(&str, Option<&str>)]) -> Result<Vec<Encoded>, TokenizerError> {
        texts.par_iter().enumerate().map(|(example, text)| self.encode_one(example, *text)).collect()
    }

    fn encode_one(&self, example: usize, text: (&str, Option<&str>)) -> Result<Encoded, TokenizerError> {
        let failed = |reason| TokenizerError::Encode { example, reason };
        let encoded = foreign::call(|| match text {
            (first, Some(second)) => self.tokenizer.encode_fast((first, second), true),
            (only, None) => self.tokenizer.encode_fast(only, true),
        });
        let mut encoded = encoded.map_err(failed)?.map_err(|error| failed(error.to_string()))?;
        let truncated = !encoded.take_overflowing().is_empty();
        let mut ids = encoded.get_ids().to_vec();
        let mut type_ids = encoded.get_type_ids().to_vec();
        if ids.is_empty() {
            return Err(TokenizerError::Empty { example });
        }
        if !self.token_types.fed {
            type_ids.fill(0);
        }
        ids.shrink_to_fit();
        type_ids.shrink_to_fit();
        Ok(Encoded { ids, type_ids, truncated })
    }
}

/// Lowercases texts before all else, as sentence-transformers does it where `do_lower_case` is true.
fn lower_case(tokenizer: &mut Tokenizer) -> tokenizers::Result<()> {
    let first = NormalizerWrapper::Lowercase(Lowercase);
    let all = [Some(first), tokenizer.get_normalizer().cloned()].into_iter().flatten().collect();
    tokenizer.with_normalizer(Some(NormalizerWrapper::Sequence(Sequence::new(all)))).map(|_| ())
}

/// The tokenizer as its file describes it, and the file.
fn tokenizer(
    folder: &Path,
    config: &ModelConfig,
    settings: &Map<String, Value>,
) -> Result<(Tokenizer, PathBuf), TokenizerError> {
    let path = folder.join("tokenizer.json");
    let (json, path) = if path.is_file() {
        (std::fs::read_to_string(&path).map_err(|error| error.to_string()), path)
    } else if let Some(json) = tokenizer_json(folder, class(config, settings), settings) {
        (Ok(json.to_string()), folder.join(VOCABULARY))
    } else {
        let older = OLDER.into_iter().find(|name| folder.join(name).exists());
        return Err(TokenizerError::Missing { folder: folder.to_owned(), older });
    };
    match json.and_then(|json| parse(&json)) {
        Ok(tokenizer) => Ok((tokenizer, path)),
        Err(reason) => Err(TokenizerError::Malformed { path, reason }),
    }
}

/// The tokenizer of a `tokenizer.json`.
fn parse(json: &str) -> Result<Tokenizer, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if !charsmaps_are_whole(&value) {
        return Err("the `precompiled_charsmap` is shorter than it says".to_owned());
    }
    foreign::call(|| Tokenizer::from_bytes(json))?.map_err(|error| error.to_string())
}

/// Whether each table of a `Precompiled` normalizer is as long as its first four bytes say: the library reserves that
/// much, up to 8 GB.
fn charsmaps_are_whole(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(charsmaps_are_whole),
        Value::Object(fields) => fields.iter().all(|(key, value)| match value.as_str() {
            Some(table) => {
                key != "precompiled_charsmap" || announced(table).is_none_or(|size| size <= table.len())
            }
            None => charsmaps_are_whole(value),
        }),
        _ => true,
    }
}

/// The little-endian number that Base64 begins with; `None` where it is not that.
fn announced(base64: &str) -> Option<usize> {
    let mut bits = 0_u64;
    for byte in base64.as_bytes().get(..6)? {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u64::from(digit);
    }
    Some(u32::from_le_bytes(((bits >> 4) as u32).to_be_bytes()) as usize)
}

/// How many special tokens a pair gets, once a text and a pair could be encoded: what a post-processor lacks, the
/// library finds only then.
fn try_out(tokenizer: &Tokenizer) -> Result<usize, String> {
    foreign::call(|| {
        // That a text cannot be encoded is no mistake of the file.
        let _ = tokenizer.encode_fast("a", true);
        let _ = tokenizer.encode_fast(("a", "a"), true);
        tokenizer.get_post_processor().map_or(0, |post| post.added_tokens(true))
    })
}

/// `tokenizer_config.json`; empty where there is none.
fn settings(folder: &Path) -> Result<Map<String, Value>, TokenizerError> {
    let path = folder.join(SETTINGS);
    let malformed = |reason: String| TokenizerError::Malformed { path: path.clone(), reason };
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| malformed(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Map::new()),
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// The end at which a text is cut.
fn truncation_side(settings: &Map<String, Value>) -> Result<TruncationDirection, String> {
    match settings.get("truncation_side") {
        None => Ok(TruncationDirection::Right),
        Some(side) if side == "right" => Ok(TruncationDirection::Right),
        Some(side) if side == "left" => Ok(TruncationDirection::Left),
        Some(side) => Err(format!("`truncation_side` is {side}; it is `left` or `right`")),
    }
}

/// transformers writes 10^30 where a tokenizer has no limit of its own.
fn model_max_length(settings: &Map<String, Value>) -> Option<usize> {
    settings
        .get("model_max_length")?
        .as_u64()
        .filter(|limit| *limit > 0 && *limit < 1 << 30)
        .map(|limit| limit as usize)
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;
