//! A folder's files into a repository of the Hub, in one commit.
//!
//! What the Hub has already is not sent again, so that an upload that was cut short goes on where it was. Nothing is
//! changed in the repository before the commit, and that names the one it builds on: it is made once, however often
//! it has to be asked for.

mod commit;
mod error;
mod large;
mod remote;
mod submit;

use std::path::PathBuf;

use gatecheck_base::fs::FileError;

pub use self::error::UploadError;
use self::remote::{Remote, RemoteFile};
use super::{Hub, HubError, names, store, transfer::Observer};

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
    fn git_sha1(&self) -> Result<String, FileError> {
        match &self.content {
            Content::Path(path) => store::git_sha1_file(path, self.size),
            // Reading from memory does not fail.
            Content::Bytes(bytes) => Ok(store::git_sha1(bytes.as_slice(), self.size).unwrap_or_default()),
        }
    }

    /// Whether the repository's file is this one.
    fn is(&self, there: &RemoteFile) -> Result<bool, FileError> {
        Ok(match &there.sha256 {
            Some(sha256) => *sha256 == self.sha256,
            None => there.size == self.size && there.oid == self.git_sha1()?,
        })
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

/// What has to change in a repository.
#[derive(Debug, Default)]
struct Changes<'a> {
    /// Not there, or other.
    new: Vec<&'a LocalFile>,
    /// There under the name of one of ours, and other.
    replaced: Vec<String>,
    /// Not ours.
    foreign: Vec<String>,
}

/// What every repository has, and is nobody's content.
const ATTRIBUTES: &str = ".gitattributes";
/// Files that a loader takes for weights.
const WEIGHTS: [&str; 3] = [".safetensors", ".safetensors.index.json", ".npz"];

impl<'a> Changes<'a> {
    fn of(files: &'a [LocalFile], there: &[RemoteFile]) -> Result<Self, FileError> {
        let mut changes = Self::default();
        for file in files {
            let same_name = there.iter().find(|other| other.path == file.name);
            if let Some(other) = same_name {
                if file.is(other)? {
                    continue;
                }
                changes.replaced.push(file.name.clone());
            }
            changes.new.push(file);
        }
        let ours = |name: &str| name == ATTRIBUTES || files.iter().any(|file| file.name == name);
        let foreign = there.iter().map(|file| file.path.clone()).filter(|name| !ours(name));
        changes.foreign.extend(foreign);
        Ok(changes)
    }
}

impl Hub {
    /// Puts files into a repository, which is made if it is not there. What is on `main` afterwards, or in the pull
    /// request, has been compared with the files.
    pub fn upload(&self, upload: &Upload<'_>, observer: Observer<'_>) -> Result<Uploaded, UploadError> {
        let remote = Remote::new(self, upload.repo)?;
        let outside = upload.files.iter().find(|file| !names::stays_inside(&file.name));
        if let Some(file) = outside {
            return Err(HubError::Unsafe { what: remote.what, file: file.name.clone() }.into());
        }
        remote.check_token()?;
        let head = match remote.head()? {
            Some(head) => head,
            None if upload.pull_request => return Err(remote.nothing_to_propose_to()),
            None => remote.create(upload.private)?,
        };
        let changes = Changes::of(upload.files, &remote.files(&head)?)?;
        let others = [&changes.replaced[..], &changes.foreign].concat();
        if !(others.is_empty() || upload.force || upload.pull_request) {
            return Err(UploadError::Occupied { what: remote.what, files: others });
        }
        let (removed, left): (Vec<_>, Vec<_>) = changes
            .foreign
            .iter()
            .cloned()
            .partition(|name| upload.force && WEIGHTS.iter().any(|ending| name.ends_with(ending)));
        let mut done = Uploaded {
            page: remote.page(),
            commit: head.clone(),
            committed: changes.new.iter().map(|file| file.name.clone()).collect(),
            sent_bytes: 0,
            removed,
            left,
        };
        if changes.new.is_empty() && done.removed.is_empty() {
            return Ok(done);
        }
        let large = remote.large(&changes.new, upload.pull_request)?;
        done.sent_bytes = remote.send_large(&large, observer)?;
        let committed = remote.commit(upload, &head, &changes.new, &large, &done.removed)?;
        done.commit = committed.sha;
        done.page = committed.page.unwrap_or(done.page);
        remote.check(upload.files, &done.commit)?;
        Ok(done)
    }
}
