//! Recipe files: a recipe in YAML or JSON, by the keys of the command line, with rules for modules of their own.

use std::path::Path;

use gatecheck_base::fs::read_text;
use gatecheck_model::{
    convert::{Choices, ConvertError, Mixed, Rule},
    quant::{Float, Mode, Scheme},
};
use serde::Deserialize;

use super::defaults;

/// A recipe file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    mode: Mode,
    bits: Option<u32>,
    group_size: Option<u32>,
    embedding_bits: Option<u32>,
    dtype: Option<Float>,
    #[serde(default)]
    rules: Vec<RuleEntry>,
}

/// Bits that leave weights unquantized.
pub const UNQUANTIZED: u32 = 16;

/// What the modules of a pattern get. Bits of 16 leave them unquantized; what is left out is as for the rest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    pattern: String,
    bits: Option<u32>,
    group_size: Option<u32>,
    mode: Option<Mode>,
}

/// A recipe by mlx-lm's name, such as `mixed_4_6`, or from a file.
pub fn open(word: &str) -> Result<Choices, ConvertError> {
    if let Some(mixed) = Mixed::of_name(word) {
        return Ok(Choices { mixed: Some(mixed), ..Choices::default() });
    }
    let path = Path::new(word);
    let wrong = |reason: String| ConvertError::RecipeFile { path: path.to_owned(), reason };
    if !path.is_file() {
        let names = Mixed::ALL.map(Mixed::name).join(", ");
        return Err(wrong(format!("there is no such file, and it is none of {names}")));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut choices = read(&read_text(path)?).map_err(wrong)??;
    choices.name = Some(stem);
    Ok(choices)
}

/// The outer error is that of the text, the inner one that of what it says.
fn read(text: &str) -> Result<Result<Choices, ConvertError>, String> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        // An excerpt of the file follows the first line.
        let message = error.to_string();
        let line = message.lines().next().unwrap_or_default();
        line.strip_prefix("error: ").unwrap_or(line).to_owned()
    })?;
    Ok(choices(file))
}

/// The text of a recipe file, which [`open`] reads back as these choices; mlx-lm's mixed recipes have no such text.
pub fn text(choices: &Choices) -> String {
    let Choices { mode, bits, group_size, embedding_bits, dtype, mixed: _, rules, name: _ } = choices;
    let mut text = format!("mode: {}\n", mode.name());
    for (key, value) in [("bits", bits), ("group_size", group_size), ("embedding_bits", embedding_bits)] {
        text += &value.map(|value| format!("{key}: {value}\n")).unwrap_or_default();
    }
    text += &dtype.map(|dtype| format!("dtype: {}\n", dtype.name())).unwrap_or_default();
    text += if rules.is_empty() { "" } else { "rules:\n" };
    for rule in rules {
        // A text in JSON is one in YAML.
        text += &format!("  - pattern: {}\n", serde_json::Value::from(rule.pattern()));
        match rule.scheme() {
            None => text += &format!("    bits: {UNQUANTIZED}\n"),
            Some(own) => {
                let (mode, bits, size) = (own.mode().name(), own.bits(), own.group_size());
                text += &format!("    mode: {mode}\n    bits: {bits}\n    group_size: {size}\n");
            }
        }
    }
    text
}

fn choices(file: File) -> Result<Choices, ConvertError> {
    let File { mode, bits, group_size, embedding_bits, dtype, rules } = file;
    let rule = |entry: RuleEntry| {
        let own = entry.mode.unwrap_or(mode);
        let bits = entry.bits.or(own.fixed().map(|(bits, _)| bits)).or(bits).unwrap_or(defaults::BITS);
        let fixed = own.fixed().map(|(_, size)| size);
        let size = entry.group_size.or(fixed).or(group_size).unwrap_or(defaults::GROUP_SIZE);
        let scheme = if bits == UNQUANTIZED { None } else { Some(Scheme::new(own, bits, size)?) };
        Rule::new(&entry.pattern, scheme)
    };
    let rules = rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    Ok(Choices { mode, bits, group_size, embedding_bits, dtype, rules, ..Choices::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_leaves_out_is_as_for_the_rest() {
        let text = "bits: 4\ngroup_size: 32\nrules:\n  - pattern: \"*.query\"\n    bits: 6\n  - pattern: b\n    \
                    mode: mxfp8\n  - {pattern: c, bits: 16}\n";
        let choices = read(text).unwrap().unwrap();
        let schemes: Vec<_> = choices.rules.iter().map(Rule::scheme).collect();
        let expected = [Scheme::affine(6, 32).ok(), Scheme::new(Mode::Mxfp8, 8, 32).ok(), None];
        assert_eq!(schemes, expected);
        assert_eq!((choices.bits, choices.rules[0].pattern()), (Some(4), "*.query"));
        // JSON is YAML.
        assert_eq!(read(r#"{"bits": 4, "rules": []}"#).unwrap().unwrap().bits, Some(4));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let rules = vec![
            Rule::new("a.*.query", Scheme::affine(6, 64).ok()).unwrap(),
            Rule::new("odd \"name\": #1", Scheme::new(Mode::Mxfp8, 8, 32).ok()).unwrap(),
            Rule::new("c", None).unwrap(),
        ];
        let some = Choices {
            bits: Some(4),
            group_size: Some(64),
            embedding_bits: Some(4),
            dtype: Some(Float::Bfloat16),
            rules,
            ..Choices::default()
        };
        let plain = Choices { bits: Some(16), ..Choices::default() };
        let mode = Choices { mode: Mode::Nvfp4, ..Choices::default() };
        for choices in [some, plain, mode] {
            assert_eq!(read(&text(&choices)).unwrap().unwrap(), choices, "{}", text(&choices));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = read("bits: 4\nrules:\n  - patern: a\n").unwrap_err();
        assert!(error.contains("patern") && error.contains('3'), "{error}");
        let error = read("rules:\n  - {pattern: a, bits: 7}\n").unwrap().unwrap_err();
        assert_eq!(error.to_string(), "cannot quantize to 7 bits");
        let error = open("mixed_9_9").unwrap_err();
        assert!(error.to_string().contains("none of mixed_2_6, mixed_3_4"), "{error}");
    }
}
