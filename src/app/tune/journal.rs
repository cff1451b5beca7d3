//! What was measured of recipes, line by line, so that a search that was cut short goes on where it stopped.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use gatecheck_base::fs::{FileError, NO_FOLLOW, read};
use gatecheck_judge::gate::Verdict;
use serde::{Deserialize, Serialize};

use super::error::TuneError;

/// Its name.
pub(super) const JOURNAL: &str = "tune.jsonl";

/// Version of its lines.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    /// Checksum of everything that the measurements depend on.
    content: String,
}

/// The rows of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rows {
    /// A few of the calibration half.
    Few,
    /// The calibration half.
    Calibration,
    /// The unseen half.
    Unseen,
}

/// What was measured of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Size of the artefact in bytes.
    pub size_bytes: u64,
    /// Mean drift of the outputs; `None` where they are not all numbers.
    pub drift: Option<f64>,
    /// The quality gate; not of a few rows.
    pub quality: Option<Quality>,
}

/// What the quality gate said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Value of the metric.
    pub metric: Option<f64>,
    /// Its drop from the baseline.
    pub drop: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
}

#[derive(Serialize, Deserialize)]
struct Line {
    rows: Rows,
    /// Bits of each group.
    bits: Vec<u32>,
    #[serde(flatten)]
    measured: Measured,
}

/// The journal of a folder, locked as long as this lives.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    known: BTreeMap<(Rows, Vec<u32>), Measured>,
}

impl Journal {
    /// Opens the one in a folder, or begins one. `content` is the checksum of what the measurements depend on.
    pub(super) fn open(folder: &Path, content: &str) -> Result<Self, TuneError> {
        let path = folder.join(JOURNAL);
        let failed = |error| FileError::new("open", &path, error);
        let mut options = OpenOptions::new();
        // What a link leads to is somebody else's.
        options.read(true).append(true).create(true).custom_flags(NO_FOLLOW);
        let file = options.open(&path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is not a plain file")).into());
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TuneError::AtWork { folder: folder.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(FileError::new("lock", &path, error).into()),
        }
        let mut journal = Self { file, known: BTreeMap::new() };
        let header = Header { format: FORMAT, content: content.to_owned() };
        let text = read(&path)?;
        let damaged = |line: usize| TuneError::Damaged { path: path.clone(), line };
        // Of a process that was killed the last line may be cut.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].split_inclusive(|byte| *byte == b'\n').zip(1..);
        let first = lines.next().map(|(line, _)| serde_json::from_slice::<Header>(line));
        match first {
            Some(Ok(known)) if known == header => {}
            Some(Ok(_)) => return Err(TuneError::Other { folder: folder.to_owned() }),
            None if serde_json::to_vec(&header).is_ok_and(|header| header.starts_with(&text)) => {}
            None | Some(Err(_)) => return Err(damaged(1)),
        }
        journal.file.set_len(whole as u64).map_err(|error| FileError::new("shorten", &path, error))?;
        if whole == 0 {
            journal.write(&path, &header)?;
        }
        for (line, number) in lines {
            let Line { rows, bits, measured } = serde_json::from_slice(line).map_err(|_| damaged(number))?;
            journal.known.insert((rows, bits), measured);
        }
        Ok(journal)
    }

    /// What is known of a recipe.
    pub(super) fn get(&self, rows: Rows, bits: &[u32]) -> Option<&Measured> {
        self.known.get(&(rows, bits.to_vec()))
    }

    /// Everything that was measured on some rows.
    pub(super) fn all(&self, rows: Rows) -> impl Iterator<Item = (&[u32], &Measured)> {
        let of_rows = self.known.iter().filter(move |((other, _), _)| *other == rows);
        of_rows.map(|((_, bits), measured)| (bits.as_slice(), measured))
    }

    /// Keeps a measurement.
    pub(super) fn keep(
        &mut self,
        folder: &Path,
        rows: Rows,
        bits: &[u32],
        measured: Measured,
    ) -> Result<(), TuneError> {
        self.write(&folder.join(JOURNAL), &Line { rows, bits: bits.to_vec(), measured: measured.clone() })?;
        self.known.insert((rows, bits.to_vec()), measured);
        Ok(())
    }

    fn write(&mut self, path: &Path, line: &impl Serialize) -> Result<(), FileError> {
        let written = serde_json::to_vec(line).map_err(io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            self.file.write_all(&text)
        });
        written.map_err(|error| FileError::new("write", path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(size_bytes: u64) -> Measured {
        let quality = Quality {
            metric: Some(0.9),
            drop: Some(0.01),
            low: Some(0.0),
            high: None,
            verdict: Verdict::Inconclusive,
        };
        Measured { size_bytes, drift: Some(0.1 + 0.2), quality: Some(quality) }
    }

    #[test]
    fn what_was_kept_is_known_again_and_a_cut_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "a").unwrap();
        journal.keep(folder.path(), Rows::Few, &[2, 16], measured(7)).unwrap();
        journal
            .keep(folder.path(), Rows::Calibration, &[2, 16], Measured { drift: None, ..measured(8) })
            .unwrap();
        assert!(matches!(Journal::open(folder.path(), "a"), Err(TuneError::AtWork { .. })));
        drop(journal);
        let path = folder.path().join(JOURNAL);
        let mut text = read(&path).unwrap();
        text.truncate(text.len() - 1);
        std::fs::write(&path, &text).unwrap();
        let mut journal = Journal::open(folder.path(), "a").unwrap();
        assert_eq!(journal.get(Rows::Few, &[2, 16]), Some(&measured(7)));
        assert_eq!(journal.get(Rows::Calibration, &[2, 16]), None);
        journal.keep(folder.path(), Rows::Unseen, &[4, 4], measured(9)).unwrap();
        drop(journal);
        let journal = Journal::open(folder.path(), "a").unwrap();
        assert_eq!(journal.all(Rows::Unseen).collect::<Vec<_>>(), [([4, 4].as_slice(), &measured(9))]);
    }

    #[test]
    fn another_s_journal_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(Journal::open(folder.path(), "a").unwrap());
        let before = read(&folder.path().join(JOURNAL)).unwrap();
        assert!(matches!(Journal::open(folder.path(), "b"), Err(TuneError::Other { .. })));
        assert_eq!(read(&folder.path().join(JOURNAL)).unwrap(), before);
        std::fs::write(folder.path().join(JOURNAL), [before.as_slice(), b"{}\n"].concat()).unwrap();
        assert!(matches!(Journal::open(folder.path(), "a"), Err(TuneError::Damaged { line: 2, .. })));
        for text in ["nonsense\n", "nonsense"] {
            std::fs::write(folder.path().join(JOURNAL), text).unwrap();
            assert!(matches!(Journal::open(folder.path(), "a"), Err(TuneError::Damaged { line: 1, .. })));
            assert_eq!(read(&folder.path().join(JOURNAL)).unwrap(), text.as_bytes());
        }
        // Killed while it began.
        std::fs::write(folder.path().join(JOURNAL), &before[..9]).unwrap();
        drop(Journal::open(folder.path(), "a").unwrap());
        assert_eq!(read(&folder.path().join(JOURNAL)).unwrap(), before);
    }
}
