//! One conversion at a time into one place.

use std::{
    fs::{File, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use gatecheck_base::fs::FileError;

/// How long to wait before the next look at a place that is taken.
const PAUSE: Duration = Duration::from_millis(50);

/// The right to write an artefact. The system takes it from a process that ends, however it ends.
pub(super) struct Lock {
    /// Nothing where there is nothing to lock: where nobody can write, or the disk knows no locks.
    _held: Option<Held>,
}

struct Held {
    path: PathBuf,
    /// The lock is the open file's; closing it gives the lock back.
    _file: File,
}

impl Lock {
    /// Waits until no other process converts to `target`; `on_wait` is called again and again meanwhile. The file
    /// `.<artefact>.lock` beside the target is there as long as the lock is held, and is of no account after that.
    pub(super) fn take(target: &Path, mut on_wait: impl FnMut()) -> Result<Self, FileError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.lock"));
        let failed = |error| FileError::new("lock", &path, error);
        loop {
            // Never through a link that somebody laid there.
            if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
                return Err(failed(io::Error::new(ErrorKind::AlreadyExists, "it is not a file")));
            }
            let file = match open(&path) {
                Ok(Some(file)) => file,
                Ok(None) => return Ok(Self { _held: None }),
                // Removed between the two attempts to open it.
                Err(error) if error.kind() == ErrorKind::NotFound && has_folder(&path) => continue,
                Err(error) => return Err(failed(error)),
            };
            match file.try_lock() {
                // Otherwise whoever held it has removed it since: it locks nothing any more.
                Ok(()) if lies_at(&file, &path) => {
                    return Ok(Self { _held: Some(Held { path, _file: file }) });
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    on_wait();
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    let _ = std::fs::remove_file(&path);
                    return Ok(Self { _held: None });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Still locked, so nobody else's.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The file, made if need be; nothing where none can be made.
fn open(path: &Path) -> io::Result<Option<File>> {
    match File::create_new(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => File::open(path).map(Some),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn has_folder(path: &Path) -> bool {
    path.parent().is_some_and(Path::is_dir)
}

fn lies_at(file: &File, path: &Path) -> bool {
    let id = |metadata: io::Result<std::fs::Metadata>| metadata.map(|found| (found.dev(), found.ino())).ok();
    id(file.metadata()).is_some_and(|opened| id(path.symlink_metadata()) == Some(opened))
}
