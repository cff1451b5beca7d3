//! A file whose texts are read when they are asked for.

use std::path::Path;

use super::{DatasetError, cell::Cell, columns::Found, labels::is_missing, table::Table};

/// A file whose texts are read when they are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    pub(super) table: Table,
    pub(super) found: Found,
}

impl Source {
    /// Whether a row has two texts.
    pub(super) fn has_pairs(&self) -> bool {
        self.found.pair.is_some()
    }

    /// Hands the texts of every labelled row to `on_texts`, until that returns false.
    pub(super) fn each(
        &self,
        on_texts: &mut dyn FnMut(String, Option<String>) -> bool,
    ) -> Result<(), DatasetError> {
        let Found { text, pair, .. } = &self.found;
        let path = &self.table.path;
        let (mut row, mut goes_on) = (0, true);
        self.table.each_row(&self.found.names(), &mut |cells| {
            row += 1;
            let mut cells = cells.into_iter();
            let [first, label, second] = [(); 3].map(|()| cells.next().unwrap_or(Cell::Null));
            // What is wrong with a text is an error also where the row does not count.
            let first = as_text(path, row, text, first)?;
            let second = pair.as_ref().map(|pair| as_text(path, row, pair, second)).transpose()?;
            if goes_on && !is_missing(&label) {
                goes_on = on_texts(first, second);
            }
            Ok(())
        })
    }
}

fn as_text(path: &Path, row: usize, column: &str, cell: Cell) -> Result<String, DatasetError> {
    match cell {
        Cell::Text(text) => Ok(text),
        Cell::Whole(number) => Ok(number.to_string()),
        Cell::Real(number) => Ok(number.to_string()),
        Cell::Null => Err(DatasetError::NoText { path: path.to_owned(), row, column: column.to_owned() }),
        Cell::Other(found) => Err(DatasetError::Type {
            path: path.to_owned(),
            row,
            column: column.to_owned(),
            found,
            wanted: "text",
        }),
    }
}
