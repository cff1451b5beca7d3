//! Lines of text files, checked so that an error names its line.
//!
//! polars does not say which line it stumbled over, and fills short CSV records with nulls. So each line is
//! looked at here.

use std::path::Path;

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
    let malformed = |detail: String| DatasetError::Line { path: path.to_owned(), line: number, detail };
    if !line.trim_start().starts_with('{') {
        return Err(malformed("not a JSON object".into()));
    }
    // The end of the line is no part of it: an error there would be one of line 2.
    let line = line.trim_end_matches(['\n', '\r']);
    serde_json::from_str(line).map_err(|error| malformed(without_position(&error.to_string())))
}

/// serde_json counts lines within the one line it was given, which would mislead.
fn without_position(message: &str) -> String {
    match message.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} at column {column}"),
        None => message.to_owned(),
    }
}

/// Makes sure that every record has as many fields as the header.
pub(super) fn check_records(
    path: &Path,
    text: &str,
    separator: u8,
    quote: Option<u8>,
) -> Result<(), DatasetError> {
    let mut expected = None;
    let records = Records { rest: text.as_bytes(), line: 1, separator, quote };
    for record in records {
        let malformed =
            |detail: String| Err(DatasetError::Line { path: path.to_owned(), line: record.line, detail });
        if record.unclosed {
            return malformed("a quote is never closed".into());
        }
        let expected = *expected.get_or_insert(record.fields);
        if record.fields != expected {
            return malformed(format!("{} fields, the header has {expected}", record.fields));
        }
    }
    Ok(())
}

/// One record of a CSV file, counted but not parsed.
struct Record {
    line: usize,
    fields: usize,
    unclosed: bool,
}

/// Walks over the records of a CSV file; blank lines are none.
struct Records<'a> {
    rest: &'a [u8],
    line: usize,
    separator: u8,
    quote: Option<u8>,
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while let [b'\n' | b'\r', ..] = self.rest {
            self.line += usize::from(self.rest[0] == b'\n');
            self.rest = &self.rest[1..];
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Record { line: self.line, fields: 1, unclosed: false };
        // A quote opens at the start of a field, and right after it closed: that is a doubled quote.
        let mut may_open = true;
        for (position, byte) in self.rest.iter().copied().enumerate() {
            self.line += usize::from(byte == b'\n');
            let is_quote = Some(byte) == self.quote && (record.unclosed || may_open);
            let is_separator = byte == self.separator && !record.unclosed;
            record.unclosed ^= is_quote;
            record.fields += usize::from(is_separator);
            may_open = is_separator || is_quote;
            if byte == b'\n' && !record.unclosed {
                self.rest = &self.rest[position + 1..];
                return Some(record);
            }
        }
        self.rest = &[];
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Result<(), String> {
        check_records(Path::new("d.csv"), text, b',', Some(b'"')).map_err(|error| error.to_string())
    }

    #[test]
    fn records_are_counted() {
        assert_eq!(csv("a,b\n1,\"x, \"\"y\"\"\nz\"\r\n\n2,\n"), Ok(()));
        assert_eq!(
            csv("a,b\n\"x\ny\",2\n3\n"),
            Err("line 4 of `d.csv` is malformed: 1 fields, the header has 2".into())
        );
        assert_eq!(csv("a,b\n5\" pipe,2\n"), Ok(()));
        assert_eq!(csv("a\n\"open\n"), Err("line 2 of `d.csv` is malformed: a quote is never closed".into()));
    }

    #[test]
    fn objects_are_checked() {
        let check = |line: &str| {
            object(Path::new("d.jsonl"), 3, line).map(|found| found.len()).map_err(|error| error.to_string())
        };
        assert_eq!(check(" {\"a\": 1}"), Ok(1));
        let message = check("{\"a\": 1,}").unwrap_err();
        assert_eq!(message, "line 3 of `d.jsonl` is malformed: trailing comma at column 9");
        assert_eq!(check("[1]").unwrap_err(), "line 3 of `d.jsonl` is malformed: not a JSON object");
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
