//! A journal in the hands of the process that measures.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use gatecheck_base::fs::{FileError, create_dir};

use super::{Event, Folded, Header, JOURNAL, JournalError, Line, fold};

/// The open journal of a run. The file is locked as long as this lives, so that no second process measures into
/// the same folder; the lock goes with the process, however it ends.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Begins a run in `folder`. One that is unfinished there is not overwritten, unless nothing was measured yet.
    pub fn begin(folder: &Path, header: Header) -> Result<Self, JournalError> {
        create_dir(folder)?;
        let mut journal = Self::lock(folder, OpenOptions::new().create(true))?;
        if journal.has_blocks()? {
            return Err(JournalError::Unfinished { folder: folder.to_owned() });
        }
        journal.cut(0)?;
        journal.write(Event::Begun(Box::new(header)))?;
        Ok(journal)
    }

    /// Whether a run can begin in `folder`, before anything is prepared for it.
    pub fn may_begin(folder: &Path) -> Result<(), JournalError> {
        if !super::read::exists(folder) {
            return Ok(());
        }
        match Self::lock(folder, &mut OpenOptions::new())?.has_blocks()? {
            true => Err(JournalError::Unfinished { folder: folder.to_owned() }),
            false => Ok(()),
        }
    }

    /// Goes on with the run in `folder`: what it tells so far, and its journal with a torn last line cut off.
    /// Nothing is written yet.
    pub fn resume(folder: &Path) -> Result<(Self, Folded), JournalError> {
        let journal = Self::lock(folder, &mut OpenOptions::new())?;
        let folded = fold(folder)?;
        journal.cut(folded.bytes)?;
        Ok((journal, folded))
    }

    /// Appends one event; when this returns, the line is with the operating system.
    pub fn write(&mut self, event: Event) -> Result<(), FileError> {
        let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let line = Line { unix_ns: u64::try_from(unix_ns).unwrap_or(u64::MAX), event };
        let written = serde_json::to_vec(&line).map_err(std::io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            self.file.write_all(&text)
        });
        written.map_err(|error| FileError::new("write", &self.path, error))
    }

    /// Removes the journal: the record is written.
    pub fn remove(self) -> Result<(), FileError> {
        std::fs::remove_file(&self.path).map_err(|error| FileError::new("remove", &self.path, error))
    }

    fn lock(folder: &Path, options: &mut OpenOptions) -> Result<Self, JournalError> {
        let path = folder.join(JOURNAL);
        let failed = |error| FileError::new("open", &path, error);
        // What a link leads to is somebody else's.
        options.read(true).append(true).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() || metadata.nlink() > 1 {
            return Err(failed(io::Error::other("it is not a plain file of its own")).into());
        }
        match file.try_lock() {
            // One that finished meanwhile has removed the file that was opened, and a third may have begun another.
            Ok(()) if is_at(&file, &path) => Ok(Self { file, path }),
            Ok(()) => Self::lock(folder, options),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { folder: folder.to_owned() }),
            Err(TryLockError::Error(error)) => Err(FileError::new("lock", &path, error).into()),
        }
    }

    /// Whether anything was measured.
    fn has_blocks(&self) -> Result<bool, JournalError> {
        // No line but that of a block holds this: quotes inside a text are escaped.
        const BLOCK: &[u8] = b"\"event\":{\"block\":";
        let file = File::open(&self.path).map_err(|error| FileError::new("open", &self.path, error))?;
        let (mut reader, mut window) = (BufReader::new(file), Vec::new());
        let mut chunk = vec![0; 1 << 20];
        loop {
            let count = reader.read(&mut chunk).map_err(|error| FileError::new("read", &self.path, error))?;
            if count == 0 {
                return Ok(false);
            }
            window.extend_from_slice(&chunk[..count]);
            if window.windows(BLOCK.len()).any(|part| part == BLOCK) {
                return Ok(true);
            }
            window.drain(..window.len().saturating_sub(BLOCK.len()));
        }
    }

    fn cut(&self, bytes: u64) -> Result<(), FileError> {
        self.file.set_len(bytes).map_err(|error| FileError::new("shorten", &self.path, error))
    }
}

/// Whether the open file is the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let (open, there) = (file.metadata().map(identity), std::fs::metadata(path).map(identity));
    open.ok().zip(there.ok()).is_some_and(|(open, there)| open == there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_the_one_opened_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(JOURNAL);
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path));
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        File::create(&path).unwrap();
        assert!(!is_at(&file, &path));
    }
}
