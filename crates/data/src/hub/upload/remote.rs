//! The repository: who may write to it, whether it is there, what it holds.

use gatecheck_base::fs::FileError;
use hf_hub::{Repo, RepoType};
use serde_json::{Value, json};

use super::{error::UploadError, request::LocalFile, submit};
use crate::hub::{Hub, HubError, client::is_busy, names};

/// Pages of a listing that are read; the Hub puts a thousand files on each.
const PAGES: usize = 100;

/// A repository to be written to.
pub(super) struct Remote<'a> {
    pub(super) hub: &'a Hub,
    pub(super) id: &'a str,
    /// In words.
    pub(super) what: String,
}

/// A file in a commit of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    pub(super) path: String,
    /// Git's name of what git keeps.
    pub(super) oid: String,
    pub(super) size: u64,
    /// Of a large file.
    pub(super) sha256: Option<String>,
}

impl RemoteFile {
    /// A listing's entry; `None` for a folder.
    fn read(entry: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (entry["type"] == "file").then_some(())?;
        Some(Self {
            path: text(&entry["path"])?,
            oid: text(&entry["oid"])?,
            size: entry["size"].as_u64()?,
            sha256: text(&entry["lfs"]["oid"]),
        })
    }
}

impl RemoteFile {
    /// Whether a file here is this one.
    pub(super) fn is(&self, file: &LocalFile) -> Result<bool, FileError> {
        Ok(match &self.sha256 {
            Some(sha256) => *sha256 == file.sha256,
            None => self.size == file.size && self.oid == file.git_sha1()?,
        })
    }
}

/// Whether another attempt to look may succeed.
fn may_pass(error: &HubError) -> bool {
    is_busy(error) || matches!(error, HubError::Unreachable { .. })
}

impl<'a> Remote<'a> {
    pub(super) fn new(hub: &'a Hub, id: &'a str) -> Result<Self, UploadError> {
        names::check_id(id)?;
        if !id.contains('/') {
            return Err(HubError::Id { id: id.to_owned() }.into());
        }
        if let Some(variable) = hub.settings.offline {
            return Err(UploadError::Offline { variable });
        }
        if hub.settings.token.is_none() && hub.settings.login.is_none() {
            return Err(UploadError::NoToken { endpoint: hub.settings.endpoint.clone() });
        }
        Ok(Self { hub, id, what: format!("repository `{id}`") })
    }

    /// Its page.
    pub(super) fn page(&self) -> String {
        format!("{}/{}", self.hub.settings.endpoint, self.id)
    }

    /// An address of the interface.
    pub(super) fn api(&self, rest: &str) -> String {
        format!("{}/api/{rest}", self.hub.settings.endpoint)
    }

    fn look(&self, what: &str, url: &str) -> Result<(String, Option<String>), HubError> {
        self.hub.client.retrying(may_pass, || self.hub.client.page(what, url))
    }

    fn read(&self, what: &str, text: &str) -> Result<Value, HubError> {
        serde_json::from_str(text).map_err(|error| self.hub.client.odd(what, error.to_string()))
    }

    /// Refuses a token that cannot write, before anything is made or sent. A fine-grained one may or may not; the
    /// Hub says so when the time comes.
    pub(super) fn check_token(&self) -> Result<(), UploadError> {
        let (what, endpoint) = ("the account of the token", self.hub.settings.endpoint.clone());
        let text = match self.look(what, &self.api("whoami-v2")) {
            Ok((text, _)) => text,
            Err(HubError::Denied { status, .. }) => {
                return Err(UploadError::UnknownToken { endpoint, status });
            }
            // Not every mirror knows accounts.
            Err(HubError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let account = self.read(what, &text)?;
        if account["auth"]["accessToken"]["role"] == "read" {
            let name = account["name"].as_str().unwrap_or_default().to_owned();
            return Err(UploadError::ReadToken { name, endpoint });
        }
        Ok(())
    }

    /// The commit that `main` means; `None` where there is no such repository.
    pub(super) fn head(&self) -> Result<Option<String>, HubError> {
        let repo = Repo::with_revision(self.id.to_owned(), RepoType::Model, "main".to_owned());
        let text = match self.look(&self.what, &self.api(&repo.api_url())) {
            Ok((text, _)) => text,
            Err(HubError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let info = self.read(&self.what, &text)?;
        let sha = info["sha"].as_str().unwrap_or_default();
        if names::is_commit(sha) {
            return Ok(Some(sha.to_owned()));
        }
        Err(self.hub.client.odd(&self.what, format!("`{sha}` is no commit")))
    }

    /// Makes the repository, and tells its first commit.
    pub(super) fn create(&self, private: bool) -> Result<String, UploadError> {
        let (owner, name) = self.id.split_once('/').unwrap_or_default();
        let mut asked = json!({ "name": name, "organization": owner, "type": "model" });
        if private {
            asked["visibility"] = "private".into();
        }
        let what = format!("to make {}", self.what);
        match submit::json(self.hub, &what, &self.api("repos/create"), &asked) {
            // Made by an attempt whose answer was lost, or by somebody else: what it holds is looked at next.
            Ok(_) | Err(HubError::Refused { status: 409, .. }) => {}
            Err(HubError::NotFound { endpoint, .. }) => {
                return Err(UploadError::ReadOnlyHub { endpoint, status: 404 });
            }
            Err(HubError::Refused { endpoint, status: status @ (405 | 501), .. }) => {
                return Err(UploadError::ReadOnlyHub { endpoint, status });
            }
            Err(error) => return Err(error.into()),
        }
        self.head()?.ok_or_else(|| self.nothing_there())
    }

    fn nothing_there(&self) -> UploadError {
        let detail = "it was made, and is not there".to_owned();
        self.hub.client.odd(&self.what, detail).into()
    }

    /// The error of proposing something to nobody.
    pub(super) fn nothing_to_propose_to(&self) -> UploadError {
        let (what, endpoint) = (self.what.clone(), self.hub.settings.endpoint.clone());
        HubError::NotFound { what, endpoint }.into()
    }

    /// The files of a commit.
    pub(super) fn files(&self, commit: &str) -> Result<Vec<RemoteFile>, HubError> {
        let (mut files, what) = (Vec::new(), format!("the files of {}", self.what));
        let mut url = self.api(&format!("models/{}/tree/{commit}?recursive=true", self.id));
        for _ in 0..PAGES {
            let (text, next) = self.look(&what, &url)?;
            let entries = self.read(&what, &text)?;
            let entries =
                entries.as_array().ok_or_else(|| self.hub.client.odd(&what, "no list".to_owned()))?;
            files.extend(entries.iter().filter_map(RemoteFile::read));
            match next {
                Some(next) if self.hub.client.is_hub(&next) => url = next,
                _ => return Ok(files),
            }
        }
        Err(self.hub.client.odd(&what, format!("it has more than {PAGES} pages")))
    }

    /// Whether a commit has these files as they are.
    pub(super) fn has_all(&self, files: &[LocalFile], commit: &str) -> Result<Vec<String>, UploadError> {
        let there = self.files(commit)?;
        let mut missing = Vec::new();
        for file in files {
            let same_name = there.iter().find(|other| other.path == file.name);
            if !same_name.map_or(Ok(false), |other| other.is(file))? {
                missing.push(file.name.clone());
            }
        }
        Ok(missing)
    }

    /// Makes sure that a commit has these files as they are.
    pub(super) fn check(&self, files: &[LocalFile], commit: &str) -> Result<(), UploadError> {
        match self.has_all(files, commit)? {
            missing if missing.is_empty() => Ok(()),
            files => Err(UploadError::Differs { what: self.what.clone(), files }),
        }
    }
}
