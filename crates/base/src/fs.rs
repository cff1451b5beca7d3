//! Files that are either whole or absent, and their checksums.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::kind::ErrorKind;

/// An I/O error that names the file.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} `{}`", path.display())]
pub struct FileError {
    /// What was tried, such as `read`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Wraps `source` with the action and path it belongs to.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// What kind of error it is, where a file that is not there at all, or not the text that it should be, is one
    /// of kind `unfit`.
    pub fn kind(&self, unfit: ErrorKind) -> ErrorKind {
        match self.source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidData => unfit,
            _ => ErrorKind::Disk,
        }
    }
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|error| FileError::new("read", path, error))
}

/// Reads a whole file of UTF-8 text.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(|error| FileError::new("read", path, error))
}

/// Creates a folder and its parents.
pub fn create_dir(path: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(|error| FileError::new("create", path, error))
}

/// Writes a file so that a reader finds the old content or the new, never half of it, even after a power cut.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    write_together(folder, &[(path.file_name().unwrap_or_default().as_ref(), bytes)])
}

/// Writes the files of a set into `folder`, in this order. None takes its place before all are written: where the
/// disk is full, the old set stays as it is. A link in the place of a file is replaced, not followed.
pub fn write_together(folder: &Path, files: &[(&Path, &[u8])]) -> Result<(), FileError> {
    create_dir(folder)?;
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let paths = files.iter().map(|(name, _)| folder.join(name));
    let written = files.iter().zip(paths).map(|((_, bytes), path)| match temporary(here, bytes) {
        Ok(file) => Ok((file, path)),
        Err(error) => Err(FileError::new("write", &path, error)),
    });
    for (file, path) in written.collect::<Result<Vec<_>, _>>()? {
        file.persist(&path).map_err(|error| FileError::new("write", &path, error.error))?;
    }
    sync_folder(here).map_err(|error| FileError::new("write into", folder, error))
}

/// A file of a name that nobody can foresee, which goes with its value, with these bytes on the disk.
fn temporary(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // Not tempfile's own way, which is for the user's eyes alone and puts that name into errors.
    let create = |path: &Path| File::options().write(true).create_new(true).open(path);
    let mut file = builder.prefix(".gatecheck-").suffix(".tmp").make_in(folder, create)?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes the names in a folder last through a power cut, where its file system knows how.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => Err(error),
        _ => Ok(()),
    }
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256_file(path: &Path) -> Result<String, FileError> {
    sha256_open(&File::open(path).map_err(|error| FileError::new("open", path, error))?, path)
}

/// SHA-256 of an open file, from its start, in hexadecimal. `path` is for errors. Read in pieces: the pages of a
/// memory map would count as this process's memory.
pub fn sha256_open(mut file: &File, path: &Path) -> Result<String, FileError> {
    let failed = |error| FileError::new("read", path, error);
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 20];
    file.rewind().map_err(failed)?;
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
    }
}

/// SHA-256 of what comes in pieces.
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// The next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// That of all pieces, in hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last folder on the way to `folder`, or it itself, that is there.
pub fn nearest(folder: &Path) -> &Path {
    let empty = |path: &&Path| path.as_os_str().is_empty();
    let there = folder.ancestors().find(|ancestor| empty(ancestor) || ancestor.exists());
    there.filter(|path| !empty(path)).unwrap_or(Path::new("."))
}

/// Bytes that may still be written to the disk of a folder that is there.
pub fn free_bytes(folder: &Path) -> Result<u64, FileError> {
    let found = rustix::fs::statvfs(folder);
    let found = found.map_err(|error| FileError::new("look at the disk of", folder, error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// The flag, for [`std::os::unix::fs::OpenOptionsExt::custom_flags`], that opens no link: what it leads to is
/// somebody else's.
pub const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Makes sure that `folder` can be created and written into, before a long run starts. Leaves nothing behind.
pub fn check_writable(folder: &Path) -> Result<(), FileError> {
    let there = nearest(folder);
    if !there.is_dir() {
        // Fails, and says why.
        return create_dir(folder);
    }
    temporary(there, &[]).map(drop).map_err(|error| FileError::new("write into", folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_replaces_and_leaves_no_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/file.json");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn links_are_replaced_and_never_followed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(elsewhere.path(), "precious").unwrap();
        let path = folder.path().join("report.json");
        symlink(elsewhere.path(), &path).unwrap();
        // The names that a process of this number would once have taken.
        for old in [
            format!(".report.json.{}.tmp", std::process::id()),
            format!(".gatecheck-probe-{}", std::process::id()),
        ] {
            symlink(elsewhere.path(), folder.path().join(old)).unwrap();
        }
        check_writable(folder.path()).unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(read(elsewhere.path()).unwrap(), b"precious");
        assert!(path.symlink_metadata().unwrap().is_file());
        assert_eq!(read(&path).unwrap(), b"new");
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "others may read it");
    }

    #[test]
    fn checksum_is_the_published_one() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        assert_eq!(sha256_file(file.path()).unwrap(), expected);
    }

    #[test]
    fn a_place_to_write_is_looked_for_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("a/b")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join("file"), "").unwrap();
        for inside in ["file", "file/a"] {
            let error = check_writable(&folder.path().join(inside)).unwrap_err();
            assert_eq!(error.kind(ErrorKind::Usage), ErrorKind::Disk, "{inside}");
        }
        assert_eq!(read(&folder.path().join("none")).unwrap_err().kind(ErrorKind::Usage), ErrorKind::Usage);
    }

    #[test]
    fn what_is_no_text_is_as_unfit_as_what_is_not_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"caf\xe9").unwrap();
        assert_eq!(read_text(file.path()).unwrap_err().kind(ErrorKind::Model), ErrorKind::Model);
    }

    #[test]
    fn errors_name_the_file() {
        let error = read(Path::new("/nonexistent/x")).unwrap_err();
        assert_eq!(error.to_string(), "failed to read `/nonexistent/x`");
    }
}
