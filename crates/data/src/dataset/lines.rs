//! Lines of text files, checked so that an error names its line.
//!
//! The parsers count from the place where they began to read, or not at all.

use std::{fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::DatasetError;

/// The text of a file, without its byte order mark.
pub(super) fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, DatasetError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        DatasetError::Encoding { path: path.to_owned(), line }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() { Err(DatasetError::Empty { path: path.to_owned() }) } else { Ok(text) }
}

/// The JSON object that a line holds.
pub(super) fn object(path: &Path, number: usize, line: &str) -> Result<Map<String, Value>, DatasetError> {
    if !line.trim_start().starts_with('{') {
        return Err(malformed(path, number, "not a JSON object"));
    }
    // The end of the line is no part of it: an error there would be one of line 2.
    let line = line.trim_end_matches(['\n', '\r']);
    let Object(object) = serde_json::from_str(line)
        .map_err(|error| malformed(path, number, without_position(&error.to_string())))?;
    Ok(object)
}

/// A line that cannot be understood.
pub(super) fn malformed(path: &Path, line: usize, detail: impl Into<String>) -> DatasetError {
    DatasetError::Line { path: path.to_owned(), line, detail: detail.into() }
}

/// An object whose every key is there once. serde_json keeps the last value of a key and says nothing.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

/// Reads the keys of an [`Object`].
struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Object;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
        let mut object = Map::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{key}` is there twice")));
            }
            object.insert(key, value);
        }
        Ok(Object(object))
    }
}

/// serde_json counts lines within the one line it was given, which would mislead.
fn without_position(message: &str) -> String {
    match message.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} at column {column}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_checked() {
        let check = |line: &str| {
            object(Path::new("d.jsonl"), 3, line).map(|found| found.len()).map_err(|error| error.to_string())
        };
        assert_eq!(check(" {\"a\": 1}"), Ok(1));
        let message = check("{\"a\": 1,}").unwrap_err();
        assert_eq!(message, "line 3 of `d.jsonl` is malformed: trailing comma at column 9");
        assert_eq!(check("[1]").unwrap_err(), "line 3 of `d.jsonl` is malformed: not a JSON object");
        let message = check("{\"a\": 1, \"b\": 2, \"a\": 1}").unwrap_err();
        assert_eq!(message, "line 3 of `d.jsonl` is malformed: the key `a` is there twice at column 24");
        assert!(check("{} {}").unwrap_err().contains("trailing characters"));
    }

    #[test]
    fn text_is_utf_8_and_not_blank() {
        assert_eq!(text(Path::new("d"), b"\xef\xbb\xbfab").unwrap(), "ab");
        let error = text(Path::new("d"), b"a\nb\xff\n").unwrap_err();
        assert_eq!(error.to_string(), "`d` is not UTF-8 at line 2");
        assert_eq!(text(Path::new("d"), b" \n\n").unwrap_err().to_string(), "`d` has no rows");
    }
}
