//! What is to be uploaded, and what came of it.

use std::path::PathBuf;

use gatecheck_base::fs::FileError;

use crate::hub::store;

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In a file.
    Path(PathBuf),
    /// Here.
    Bytes(Vec<u8>),
}

/// A file that is to be in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Its name there, with `/`.
    pub name: String,
    /// Its bytes.
    pub content: Content,
    /// How many.
    pub size: u64,
    /// Their SHA-256, in hexadecimal.
    pub sha256: String,
}

impl LocalFile {
    /// Git's name of the content.
    pub(super) fn git_sha1(&self) -> Result<String, FileError> {
        match &self.content {
            Content::Path(path) => store::git_sha1_file(path, self.size),
            // Reading from memory does not fail.
            Content::Bytes(bytes) => Ok(store::git_sha1(bytes.as_slice(), self.size).unwrap_or_default()),
        }
    }
}

/// What is to be uploaded.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Where to: `owner/name`.
    pub repo: &'a str,
    /// Every file.
    pub files: &'a [LocalFile],
    /// Whether a repository that has to be made is one that others do not see.
    pub private: bool,
    /// Whether the files are proposed in a pull request rather than put on `main`.
    pub pull_request: bool,
    /// Whether other files of these names may be replaced, and other weights removed.
    pub force: bool,
    /// First line of the commit's message.
    pub summary: &'a str,
}

/// What has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The page of the repository, or of the pull request.
    pub page: String,
    /// The commit that has the files.
    pub commit: String,
    /// Names of the files that the commit brought.
    pub committed: Vec<String>,
    /// How many bytes of large files had to be sent.
    pub sent_bytes: u64,
    /// Names of other weights that the commit removed, since loaders would take them for part of these.
    pub removed: Vec<String>,
    /// Names of files in the repository that are not of this upload.
    pub left: Vec<String>,
}
