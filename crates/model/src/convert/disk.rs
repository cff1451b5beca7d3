//! The artefact's weight files, open.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::FileError;

use super::Shard;

/// Where the bytes of the weights go, and come from to be compared.
pub(super) trait Place: Sync {
    /// Puts bytes into a weight file.
    fn write(&self, shard: usize, offset: u64, bytes: &[u8]) -> Result<(), FileError>;
    /// Takes them out again.
    fn read(&self, shard: usize, offset: u64, bytes: &mut [u8]) -> Result<(), FileError>;
    /// Waits until the disk has everything that was put there.
    fn sync(&self) -> Result<(), FileError>;
}

/// Weight files on disk.
pub(super) struct Files(Vec<(PathBuf, File)>);

impl Files {
    /// Makes the files, with their headers.
    pub(super) fn create(shards: &[Shard], folder: &Path) -> Result<Self, FileError> {
        let create = |shard: &Shard| {
            let path = folder.join(&shard.file_name);
            let failed = |error| FileError::new("write", &path, error);
            // A second attempt begins anew.
            let options = OpenOptions::new().read(true).write(true).create(true).truncate(true).to_owned();
            let file = options.open(&path).map_err(failed)?;
            file.write_all_at(&shard.header, 0).map_err(failed)?;
            file.set_len(shard.file_bytes()).map_err(failed)?;
            Ok((path, file))
        };
        Ok(Self(shards.iter().map(create).collect::<Result<_, _>>()?))
    }
}

impl Place for Files {
    fn write(&self, shard: usize, offset: u64, bytes: &[u8]) -> Result<(), FileError> {
        let (path, file) = &self.0[shard];
        file.write_all_at(bytes, offset).map_err(|error| FileError::new("write", path, error))
    }

    fn read(&self, shard: usize, offset: u64, bytes: &mut [u8]) -> Result<(), FileError> {
        let (path, file) = &self.0[shard];
        file.read_exact_at(bytes, offset).map_err(|error| FileError::new("read", path, error))
    }

    fn sync(&self) -> Result<(), FileError> {
        let sync = |(path, file): &(PathBuf, File)| {
            file.sync_all().map_err(|error| FileError::new("write", path, error))
        };
        self.0.iter().try_for_each(sync)
    }
}
