//! CSV and TSV. A text that looks like a number stays as it is: every cell is text.

use std::path::Path;

use gatecheck_base::fs;

use super::{DatasetError, cell::Cell, lines};

/// How the fields of a file are set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) separator: u8,
    pub(super) quote: Option<u8>,
}

/// Names of the columns.
pub(super) fn columns(path: &Path, dialect: Dialect) -> Result<Vec<String>, DatasetError> {
    let bytes = fs::read(path)?;
    Ok(header(path, &mut Records::of(path, &bytes, dialect)?)?.fields)
}

/// Hands the cells of these columns to `on_row`, row by row.
pub(super) fn each_row(
    path: &Path,
    dialect: Dialect,
    names: &[&str],
    on_row: &mut dyn FnMut(Vec<Cell>) -> Result<(), DatasetError>,
) -> Result<(), DatasetError> {
    let bytes = fs::read(path)?;
    let mut records = Records::of(path, &bytes, dialect)?;
    let header = header(path, &mut records)?;
    let places = names.iter().map(|name| place(path, &header, name)).collect::<Result<Vec<_>, _>>()?;
    for record in records {
        let mut record = record.map_err(|(line, detail)| lines::malformed(path, line, detail))?;
        if record.fields.len() != header.fields.len() {
            let detail = format!("{} fields, the header has {}", record.fields.len(), header.fields.len());
            return Err(lines::malformed(path, record.line, detail));
        }
        let take = |place: &usize| match std::mem::take(&mut record.fields[*place]) {
            text if text.is_empty() => Cell::Null,
            text => Cell::Text(text),
        };
        on_row(places.iter().map(take).collect())?;
    }
    Ok(())
}

fn header(path: &Path, records: &mut Records<'_>) -> Result<Record, DatasetError> {
    let first = records.next().ok_or_else(|| DatasetError::Empty { path: path.to_owned() })?;
    first.map_err(|(line, detail)| lines::malformed(path, line, detail))
}

/// The one place of a column.
fn place(path: &Path, header: &Record, name: &str) -> Result<usize, DatasetError> {
    let mut places = (0..header.fields.len()).filter(|place| header.fields[*place] == name);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => {
            Err(lines::malformed(path, header.line, format!("the column `{name}` is there twice")))
        }
        (None, _) => {
            let (path, columns) = (path.to_owned(), header.fields.clone());
            Err(DatasetError::Column { path, column: name.to_owned(), columns })
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Record {
    /// Where it begins, counted from 1.
    line: usize,
    fields: Vec<String>,
}

/// Walks over the records of a file as RFC 4180 has them; blank lines are none, and a quote inside an unquoted
/// field is text. What cannot be understood is a line and what is wrong with it.
struct Records<'a> {
    rest: &'a str,
    line: usize,
    dialect: Dialect,
}

impl<'a> Records<'a> {
    fn of(path: &Path, bytes: &'a [u8], dialect: Dialect) -> Result<Self, DatasetError> {
        Ok(Self { rest: lines::text(path, bytes)?, line: 1, dialect })
    }

    /// The bytes up to here; goes on behind them.
    fn take(&mut self, end: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(end);
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        taken
    }

    /// The field that begins here, up to the separator or the end of the line behind it.
    fn field(&mut self, start: usize) -> Result<String, (usize, String)> {
        let separator = self.dialect.separator;
        let Some(quote) = self.dialect.quote.filter(|quote| self.rest.as_bytes().first() == Some(quote))
        else {
            let ends = |byte: u8| byte == separator || byte == b'\n';
            let field = self.take(self.rest.bytes().position(ends).unwrap_or(self.rest.len()));
            let ends_line = self.rest.as_bytes().first().is_none_or(|byte| *byte != separator);
            let field = if ends_line { field.strip_suffix('\r').unwrap_or(field) } else { field };
            return Ok(field.to_owned());
        };
        let mut text = String::new();
        self.take(1);
        loop {
            let end = self.rest.bytes().position(|byte| byte == quote);
            text += self.take(end.ok_or_else(|| (start, "a quote is never closed".to_owned()))?);
            self.take(1);
            match self.rest.as_bytes() {
                [next, ..] if *next == quote => text += self.take(1),
                [] | [b'\n', ..] => return Ok(text),
                [b'\r'] | [b'\r', b'\n', ..] => {
                    self.take(1);
                    return Ok(text);
                }
                [next, ..] if *next == separator => return Ok(text),
                _ => return Err((self.line, "text follows a closing quote".to_owned())),
            }
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, (usize, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take(self.rest.bytes().take_while(|byte| matches!(byte, b'\n' | b'\r')).count());
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Record { line: self.line, fields: Vec::new() };
        loop {
            match self.field(record.line) {
                Ok(field) => record.fields.push(field),
                Err(error) => return Some(Err(error)),
            }
            // Either nothing, the end of the line, or a separator with another field behind it.
            match self.rest.as_bytes().first() {
                None => return Some(Ok(record)),
                Some(b'\n') => {
                    self.take(1);
                    return Some(Ok(record));
                }
                Some(_) => self.take(1),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Vec<String>>, String> {
        let dialect = Dialect { separator: b',', quote: Some(b'"') };
        let path = Path::new("d.csv");
        let records = Records::of(path, text.as_bytes(), dialect).map_err(|error| error.to_string())?;
        let records = records.map(|record| record.map(|record| record.fields));
        records
            .collect::<Result<_, _>>()
            .map_err(|(line, detail)| lines::malformed(path, line, detail).to_string())
    }

    #[test]
    fn records_have_their_fields() {
        let records = all("a,b\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n\n2,\n3,\"\"\r\n,4").unwrap();
        let expected = [["a", "b"], ["1", "x, \"y\"\nz"], ["2", ""], ["3", ""], ["", "4"]];
        assert_eq!(records, expected);
        assert_eq!(all("5\" pipe,6\"\r\nx\ry,\"é\"").unwrap(), [["5\" pipe", "6\""], ["x\ry", "é"]]);
        assert_eq!(all("a,b,\n").unwrap(), [["a", "b", ""]]);
    }

    #[test]
    fn lone_quotes_are_found() {
        let error = |line, what| Err(format!("line {line} of `d.csv` is malformed: {what}"));
        assert_eq!(all("a\n\"open\n\n"), error(2, "a quote is never closed"));
        assert_eq!(all("a\nb\n\"x\"y\"\n"), error(3, "text follows a closing quote"));
        assert_eq!(all("a\n\"x\ny\" z,1\n"), error(3, "text follows a closing quote"));
    }
}
