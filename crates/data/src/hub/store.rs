//! The cache's side of a download: files in the making, and how a whole one becomes part of the cache.
//!
//! The layout is Python's: `blobs/ETAG`, `snapshots/COMMIT/FILE` as a link to it, `refs/REVISION`. Everything is
//! made in a folder of our own and renamed into place, checked before: a link leads to whole files only, whenever
//! a process ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Read},
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use gatecheck_base::fs::{self, FileError};
use sha1::{Digest, Sha1};

use super::HubError;

/// Where files are made, in the repository's folder.
const STAGING: &str = ".gatecheck";

/// What the Hub says of one file.
#[derive(Debug)]
pub(super) struct Announced {
    /// The file, in words.
    pub(super) what: String,
    /// Its tag: the SHA-256 of a large file, git's SHA-1 of a small one, or, on some mirrors, neither.
    pub(super) etag: String,
    /// Bytes.
    pub(super) size: u64,
}

impl Announced {
    /// Compares size and checksum of a file with what was announced.
    pub(super) fn verify(&self, path: &Path) -> Result<(), HubError> {
        let size = std::fs::metadata(path).map_err(|error| FileError::new("read", path, error))?.len();
        if size != self.size {
            return Err(self.damaged(format!("{size} bytes instead of {}", self.size)));
        }
        let (name, found) = match self.etag.len() {
            _ if !self.etag.chars().all(|c| c.is_ascii_hexdigit()) => return Ok(()),
            64 => ("SHA-256", fs::sha256_file(path)?),
            40 => ("git SHA-1", git_sha1_file(path, size)?),
            _ => return Ok(()),
        };
        if found.eq_ignore_ascii_case(&self.etag) {
            return Ok(());
        }
        Err(self.damaged(format!("its {name} is not the one announced")))
    }

    pub(super) fn damaged(&self, detail: String) -> HubError {
        HubError::Damaged { what: self.what.clone(), detail }
    }
}

/// The name that git gives a file's content.
pub(super) fn git_sha1_file(path: &Path, size: u64) -> Result<String, FileError> {
    let file = File::open(path).and_then(|file| git_sha1(file, size));
    file.map_err(|error| FileError::new("read", path, error))
}

/// The name that git gives to so many bytes.
pub(super) fn git_sha1(mut content: impl Read, size: u64) -> io::Result<String> {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {size}\0"));
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = content.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..count]);
    }
}

/// One repository's folder in the cache.
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// A blob's place.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// The place where a blob is made. Whoever else makes it is waited for, as long as it gets on.
    pub(super) fn stage(&self, file: &Announced, silence: Duration) -> Result<Part, HubError> {
        create_parent(&self.blob(&file.etag))?;
        let staging = self.staging()?;
        let path = staging.join(format!("{}.part", file.etag));
        let lock_path = staging.join(format!("{}.lock", file.etag));
        let failed = |error| FileError::new("lock", &lock_path, error);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(failed)?;
        let length = || std::fs::metadata(&path).map_or(0, |part| part.len());
        let (mut seen, mut since) = (length(), Instant::now());
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Part { path, _lock: lock }),
                Err(TryLockError::Error(error)) => return Err(failed(error).into()),
                Err(TryLockError::WouldBlock) if length() != seen => {
                    (seen, since) = (length(), Instant::now())
                }
                Err(TryLockError::WouldBlock) if since.elapsed() > silence * 2 => {
                    return Err(HubError::Busy { what: file.what.clone() });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Makes a checked part the blob.
    pub(super) fn keep(&self, part: Part, etag: &str) -> Result<(), FileError> {
        let blob = self.blob(etag);
        let synced = File::open(&part.path).and_then(|file| file.sync_all());
        let kept = synced.and_then(|()| std::fs::rename(&part.path, &blob));
        kept.map_err(|error| FileError::new("write", &blob, error))
    }

    /// Lets a commit's file be the blob.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), FileError> {
        let link = self.folder.join("snapshots").join(commit).join(file);
        create_parent(&link)?;
        let up = "../".repeat(file.split('/').count() + 1);
        self.publish(&link, |temporary| std::os::unix::fs::symlink(format!("{up}blobs/{etag}"), temporary))
    }

    /// Notes the commit that a revision means.
    pub(super) fn refer(&self, revision: &str, commit: &str) -> Result<(), FileError> {
        let reference = self.folder.join("refs").join(revision);
        if revision == commit || std::fs::read(&reference).is_ok_and(|noted| noted == commit.as_bytes()) {
            return Ok(());
        }
        create_parent(&reference)?;
        self.publish(&reference, |temporary| std::fs::write(temporary, commit))
    }

    /// Makes something aside and renames it into its place.
    fn publish(&self, place: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), FileError> {
        // Containers share caches, and the numbers of their processes are alike.
        let random = RandomState::new().build_hasher().finish();
        let temporary = self.staging()?.join(format!("{}-{random:016x}.tmp", process::id()));
        let made = make(&temporary).and_then(|()| std::fs::rename(&temporary, place));
        made.map_err(|error| FileError::new("write", place, error))
    }

    fn staging(&self) -> Result<PathBuf, FileError> {
        let staging = self.folder.join(STAGING);
        fs::create_dir(&staging)?;
        Ok(staging)
    }
}

fn create_parent(path: &Path) -> Result<(), FileError> {
    path.parent().map_or(Ok(()), fs::create_dir)
}

/// A file in the making, which this process alone makes.
pub(super) struct Part {
    /// Where it is.
    pub(super) path: PathBuf,
    _lock: File,
}

impl Part {
    /// Gives up what is there.
    pub(super) fn discard(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        (folder, store)
    }

    #[test]
    fn a_commit_is_noted_once_and_not_of_itself() {
        let (folder, store) = store();
        let noted = folder.path().join("refs/main");
        let inode = || std::fs::metadata(&noted).unwrap().ino();
        store.refer("main", "abc").unwrap();
        let first = inode();
        store.refer("main", "abc").unwrap();
        assert_eq!((std::fs::read_to_string(&noted).unwrap().as_str(), inode()), ("abc", first));
        store.refer("main", "def").unwrap();
        assert_eq!(std::fs::read_to_string(&noted).unwrap(), "def");
        store.refer("abc", "abc").unwrap();
        assert!(!folder.path().join("refs/abc").exists());
    }

    #[test]
    fn another_that_gets_on_is_waited_for_and_one_that_does_not_is_not() {
        let (_folder, store) = store();
        let file = Announced { what: "it".to_owned(), etag: "0".repeat(40), size: 9 };
        let silence = Duration::from_millis(100);
        let part = store.stage(&file, silence).unwrap();
        assert!(matches!(store.stage(&file, silence), Err(HubError::Busy { .. })));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| store.stage(&file, silence));
            // More than twice the silence in all, and never that long without a byte.
            for length in 1..=9 {
                std::fs::write(&part.path, vec![0; length]).unwrap();
                thread::sleep(silence / 2);
            }
            drop(part);
            assert!(waiting.join().unwrap().is_ok());
        });
    }
}
