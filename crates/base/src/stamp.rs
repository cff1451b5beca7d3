//! Whether files are still the ones they were, told without reading them.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::fs::FileError;

/// What changes when a file is written to or another takes its place. Not proof against one who sets the times of
/// files back: for that there are checksums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified: SystemTime,
    /// Of the file, where the path is a link to it.
    identity: (u64, u64),
}

impl Stamp {
    /// Looks at a file.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        let failed = |error| FileError::new("look at", path, error);
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let modified = metadata.modified().map_err(failed)?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { path: path.to_owned(), bytes: metadata.len(), modified, identity })
    }

    /// The file, where it is not what it was.
    pub fn changed(&self) -> Option<&Path> {
        (Self::of(&self.path).ok().as_ref() != Some(self)).then_some(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_of_any_kind_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| folder.path().join(name));
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(&path, "longer").unwrap(),
            &|| {
                let file = fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            },
            &|| {
                // The same bytes of the same time, in another file.
                let modified = path.metadata().unwrap().modified().unwrap();
                fs::copy(&path, &other).unwrap();
                fs::File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
                fs::rename(&other, &path).unwrap();
            },
            &|| fs::remove_file(&path).unwrap(),
        ];
        for change in changes {
            fs::write(&path, "same").unwrap();
            let stamp = Stamp::of(&path).unwrap();
            assert_eq!(stamp.changed(), None);
            change();
            assert_eq!(stamp.changed(), Some(path.as_path()));
        }
    }
}
