//! Whether token types are fed to a model, as transformers decides it: `AutoTokenizer` takes a class, and
//! `model_input_names` of `tokenizer_config.json`, or else the class, says which inputs there are
//! (<https://huggingface.co/docs/transformers/main_classes/tokenizer>). The tests hold the tables below
//! against both versions of transformers.

use std::fmt;

use serde_json::{Map, Value};

use crate::config::ModelConfig;

/// Tokenizer classes, without `Fast`, and whether they feed token types in transformers 5 and in 4. All
/// others do so in neither; for a name that it does not know transformers 5 takes a generic class.
const CLASSES: &[(&str, bool, bool)] = &[
    ("AlbertTokenizer", false, true),
    ("BertJapaneseTokenizer", false, true),
    ("BertTokenizer", true, true),
    ("BertweetTokenizer", false, true),
    ("BlenderbotSmallTokenizer", false, true),
    ("CTRLTokenizer", false, true),
    ("CanineTokenizer", true, true),
    ("ConvBertTokenizer", true, true),
    ("CpmTokenizer", false, true),
    ("DPRContextEncoderTokenizer", true, true),
    ("DPRQuestionEncoderTokenizer", true, true),
    ("DebertaTokenizer", true, true),
    ("DebertaV2Tokenizer", true, true),
    ("ElectraTokenizer", true, true),
    ("FNetTokenizer", true, true),
    ("FlaubertTokenizer", false, true),
    ("FunnelTokenizer", false, true),
    ("GPTSanJapaneseTokenizer", false, true),
    ("HerbertTokenizer", false, true),
    ("LayoutLMTokenizer", true, true),
    ("LayoutLMv2Tokenizer", true, true),
    ("LxmertTokenizer", true, true),
    ("MarkupLMTokenizer", true, true),
    ("MgpstrTokenizer", false, true),
    ("MobileBertTokenizer", true, true),
    ("ParakeetTokenizer", false, true),
    ("PhobertTokenizer", false, true),
    ("PreTrainedTokenizer", false, true),
    ("RealmTokenizer", false, true),
    ("RemBertTokenizer", false, true),
    ("RoCBertTokenizer", false, true),
    ("RoFormerTokenizer", false, true),
    ("SplinterTokenizer", false, true),
    ("SqueezeBertTokenizer", true, true),
    ("TapasTokenizer", true, true),
    ("XLMTokenizer", false, true),
    ("XLNetTokenizer", false, true),
];

/// The class that transformers 5.23 takes for each model type where no file names one.
const DEFAULTS: &[(&str, &str)] = &[
    ("albert", "AlbertTokenizer"),
    ("bart", "RobertaTokenizer"),
    ("bert", "BertTokenizer"),
    ("camembert", "CamembertTokenizer"),
    ("deberta-v2", "DebertaV2Tokenizer"),
    ("distilbert", "BertTokenizer"),
    ("electra", "BertTokenizer"),
    ("mobilebert", "BertTokenizer"),
    ("modernbert", "TokenizersBackend"),
    ("mpnet", "MPNetTokenizer"),
    ("roberta", "RobertaTokenizer"),
    ("xlm-roberta", "XLMRobertaTokenizer"),
];

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// There is nothing to tell apart.
    OneType,
    /// The user.
    Configured,
    /// `model_input_names` of `tokenizer_config.json`.
    InputNames,
    /// The tokenizer's class, as `tokenizer_config.json` or `config.json` names it.
    Class(String),
    /// The class that belongs to the model type, since no file names one.
    DefaultClass(String),
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneType => formatter.write_str("the model has one token type"),
            Self::Configured => formatter.write_str("`token_types` of the configuration"),
            Self::InputNames => formatter.write_str("`model_input_names` of tokenizer_config.json"),
            Self::Class(name) => write!(formatter, "tokenizer class `{name}`"),
            Self::DefaultClass(name) => write!(formatter, "tokenizer class `{name}` by default"),
        }
    }
}

/// Whether a model is told which text of a pair a token belongs to. Without being told it takes every
/// token for one of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTypes {
    /// Whether it is told.
    pub fed: bool,
    /// What decided.
    pub rule: Rule,
    /// What transformers 5 would do.
    transformers_5: bool,
    /// What transformers 4 would do.
    transformers_4: bool,
}

impl TokenTypes {
    /// Decides by the user's word, `tokenizer_config.json` and `config.json`, in this order.
    pub(super) fn decide(
        config: &ModelConfig,
        settings: &Map<String, Value>,
        configured: Option<bool>,
    ) -> Result<Self, String> {
        let (rule, transformers_5, transformers_4) = match input_names(settings)? {
            Some(fed) => (Rule::InputNames, fed, fed),
            None => by_class(config, settings),
        };
        let (rule, fed) = match configured {
            _ if config.limits.token_types <= 1 => (Rule::OneType, false),
            Some(fed) => (Rule::Configured, fed),
            None => (rule, transformers_5),
        };
        Ok(Self { fed, rule, transformers_5, transformers_4 })
    }

    /// The versions of transformers that would decide otherwise.
    pub fn unlike(&self) -> Vec<&'static str> {
        let versions = [("transformers 5", self.transformers_5), ("transformers 4", self.transformers_4)];
        let differs = |(_, fed): &(&str, bool)| self.rule != Rule::OneType && *fed != self.fed;
        versions.into_iter().filter(differs).map(|(version, _)| version).collect()
    }
}

/// What `model_input_names` says.
fn input_names(settings: &Map<String, Value>) -> Result<Option<bool>, String> {
    let Some(names) = settings.get("model_input_names") else { return Ok(None) };
    let names = names.as_array().ok_or("`model_input_names` is no list")?;
    Ok(Some(names.iter().any(|name| name == "token_type_ids")))
}

/// What the class says in transformers 5 and in 4.
fn by_class(config: &ModelConfig, settings: &Map<String, Value>) -> (Rule, bool, bool) {
    let name = class(config, settings);
    let known = CLASSES.iter().find(|(class, ..)| *class == name.strip_suffix("Fast").unwrap_or(name));
    let (transformers_5, transformers_4) = known.map_or((false, false), |(_, five, four)| (*five, *four));
    let rule = if named_class(config, settings).is_some() { Rule::Class } else { Rule::DefaultClass };
    (rule(name.to_owned()), transformers_5, transformers_4)
}

/// The tokenizer's class: as a file names it, or else the default of the model type.
pub(crate) fn class<'a>(config: &'a ModelConfig, settings: &'a Map<String, Value>) -> &'a str {
    named_class(config, settings).unwrap_or_else(|| {
        let found = DEFAULTS.iter().find(|(known, _)| *known == config.architecture.name());
        found.map_or("TokenizersBackend", |(_, class)| *class)
    })
}

fn named_class<'a>(config: &'a ModelConfig, settings: &'a Map<String, Value>) -> Option<&'a str> {
    let named = settings.get("tokenizer_class").and_then(Value::as_str);
    named.or(config.tokenizer_class.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::ALL;

    #[test]
    fn every_architecture_has_a_default_class() {
        let names: Vec<&str> = ALL.iter().map(|architecture| architecture.name()).collect();
        let defaults: Vec<&str> = DEFAULTS.iter().map(|(model_type, _)| *model_type).collect();
        assert_eq!(names, defaults);
    }
}
