//! A folder's files into a repository of the Hub, in one commit.
//!
//! What the Hub has already is not sent again, so that an upload that was cut short goes on where it was. Nothing is
//! changed in the repository before the commit, and that names the one it builds on: it is made once, however often
//! it has to be asked for.

mod changes;
mod commit;
mod error;
mod large;
mod remote;
mod request;
mod submit;

use self::{changes::Changes, remote::Remote};
pub use self::{
    error::UploadError,
    request::{Content, LocalFile, Upload, Uploaded},
};
use super::{Hub, HubError, names, transfer::Observer};

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
        let (removed, left) = changes.foreign_weights(upload.force);
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
