//! Journals from disk, line by line, so that none need be held as a whole.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use gatecheck_base::fs::FileError;
use serde::Deserialize;

use super::{Event, JOURNAL, JournalError, Line, SCHEMA_VERSION};

/// Whether there is a journal in `folder`.
pub(super) fn exists(folder: &Path) -> bool {
    folder.join(JOURNAL).exists()
}

/// Hands every line of the journal in `folder` to `on_line`, the first of which begins the run. A torn last line
/// is left out. Returns the bytes of the whole lines.
pub(super) fn read(
    folder: &Path,
    mut on_line: impl FnMut(Line) -> Result<(), String>,
) -> Result<u64, JournalError> {
    let path = folder.join(JOURNAL);
    let file = File::open(&path).map_err(|error| FileError::new("open", &path, error))?;
    let mut reader = BufReader::new(file);
    let (mut whole, mut text) = (0, Vec::new());
    for number in 1.. {
        text.clear();
        reader.read_until(b'\n', &mut text).map_err(|error| FileError::new("read", &path, error))?;
        if text.last() != Some(&b'\n') {
            break;
        }
        let damaged = |reason: String| JournalError::Damaged { path: path.clone(), line: number, reason };
        if number == 1 {
            check_version(&path, &text)?;
        }
        let line: Line =
            serde_json::from_slice(text.trim_ascii_end()).map_err(|error| damaged(error.to_string()))?;
        if matches!(line.event, Event::Begun(_)) != (number == 1) {
            return Err(damaged("a run begins with its first line, and only there".to_owned()));
        }
        on_line(line).map_err(damaged)?;
        whole += text.len() as u64;
    }
    if whole == 0 { Err(JournalError::Headless { path }) } else { Ok(whole) }
}

/// Before all else: another version may differ in anything.
fn check_version(path: &Path, first: &[u8]) -> Result<(), JournalError> {
    #[derive(Deserialize)]
    struct Versioned {
        event: Begun,
    }
    #[derive(Deserialize)]
    struct Begun {
        begun: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        schema_version: u32,
    }
    match serde_json::from_slice::<Versioned>(first).map(|line| line.event.begun.schema_version) {
        Ok(version) if version != SCHEMA_VERSION => {
            Err(JournalError::Version { path: path.to_owned(), version })
        }
        // What is no first line at all is told as such.
        _ => Ok(()),
    }
}
