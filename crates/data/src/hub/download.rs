//! One commit of one repository, file by file, into the cache.

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use hf_hub::{Cache, Repo, RepoType, api::RepoInfo};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    HubError, HubSettings,
    client::{Client, Limits, is_busy},
    names,
    store::Store,
    transfer::{Observer, Transfer},
};

/// What file names look different for in an address.
pub(super) const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// The Hub, or its cache.
pub struct Hub {
    pub(super) settings: HubSettings,
    pub(super) client: Client,
}

impl Hub {
    /// Opens the Hub; nothing is asked of it yet.
    pub fn new(settings: HubSettings) -> Result<Self, HubError> {
        Self::with_limits(settings, Limits::default())
    }

    /// The same with other limits.
    pub(super) fn with_limits(settings: HubSettings, limits: Limits) -> Result<Self, HubError> {
        let scheme = settings.endpoint.split_once("://").map_or("", |(scheme, _)| scheme);
        if settings.offline.is_none() && !["http", "https"].contains(&scheme) {
            return Err(HubError::Endpoint { endpoint: settings.endpoint });
        }
        let client = Client::new(&settings, limits);
        Ok(Self { settings, client })
    }

    /// Who asks.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The commit that `revision` means now, and its files; from the cache when offline, or when the
    /// network is down and the cache knows.
    pub(super) fn commit(&self, kind: RepoType, id: &str, revision: &str) -> Result<Commit<'_>, HubError> {
        names::check_id(id)?;
        names::check_revision(revision)?;
        let what = words(kind, id);
        if let Some(variable) = self.settings.offline {
            let cache = self.settings.cache.clone();
            let cached = self.cached_commit(kind, id, revision, Alone::Forbidden(variable));
            return cached.ok_or(HubError::Offline { what, cache, variable });
        }
        let repo = Repo::with_revision(id.to_owned(), kind, revision.to_owned());
        let asked = if revision == "main" { what.clone() } else { format!("{what}, revision `{revision}`") };
        let info = match self.info(&asked, &repo) {
            Ok(info) => info,
            Err(error) => {
                let HubError::Unreachable { source, .. } = &error else { return Err(error) };
                return self.cached_commit(kind, id, revision, Alone::Down(source.clone())).ok_or(error);
            }
        };
        let files: Vec<_> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        if let Some(file) = files.iter().find(|name| !names::stays_inside(name)) {
            return Err(HubError::Unsafe { what, file: file.clone() });
        }
        if !names::is_commit(&info.sha) {
            return Err(self.client.odd(&asked, format!("`{}` is no commit", info.sha)));
        }
        let exact = Repo::with_revision(id.to_owned(), kind, info.sha.clone());
        let cache = Cache::new(self.settings.cache.clone());
        Ok(Commit {
            hub: self,
            what,
            folder: cache.repo(exact.clone()).pointer_path(&info.sha),
            remote: Ok(exact),
            revision: revision.to_owned(),
            sha: info.sha,
            files,
        })
    }

    /// What the Hub says of a repository. While it is down the cache may serve, so that is not waited out.
    fn info(&self, what: &str, repo: &Repo) -> Result<RepoInfo, HubError> {
        let url = format!("{}/api/{}", self.settings.endpoint, repo.api_url());
        let text = self.client.retrying(is_busy, || self.client.text(what, &url))?;
        serde_json::from_str(&text).map_err(|error| self.client.odd(what, error.to_string()))
    }

    /// What the cache has of a commit.
    pub(super) fn cached_commit(
        &self,
        kind: RepoType,
        id: &str,
        revision: &str,
        alone: Alone,
    ) -> Option<Commit<'_>> {
        let repo = Repo::with_revision(id.to_owned(), kind, revision.to_owned());
        let cache = Cache::new(self.settings.cache.clone());
        let reference = self.settings.cache.join(repo.folder_name()).join("refs").join(repo.revision());
        let sha = match std::fs::read_to_string(reference) {
            Ok(sha) => sha.trim().to_owned(),
            Err(_) if names::is_commit(repo.revision()) => repo.revision().to_owned(),
            Err(_) => return None,
        };
        let folder = names::stays_inside(&sha).then(|| cache.repo(repo).pointer_path(&sha))?;
        let mut files = Vec::new();
        list(&folder, "", &mut files);
        (!files.is_empty()).then(|| Commit {
            hub: self,
            what: words(kind, id),
            folder,
            remote: Err(alone),
            revision: revision.to_owned(),
            sha,
            files,
        })
    }
}

/// Why only the cache is at hand.
pub(super) enum Alone {
    /// This variable says so.
    Forbidden(&'static str),
    /// The Hub was not reached.
    Down(Arc<dyn Error + Send + Sync>),
}

/// A repository in words.
fn words(kind: RepoType, id: &str) -> String {
    match kind {
        RepoType::Dataset => format!("dataset `{id}`"),
        RepoType::Model | RepoType::Space => format!("model `{id}`"),
    }
}

/// Every file below a folder, as paths with `/`, sorted.
fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            list(&path, &format!("{name}/"), files);
        } else if path.is_file() {
            files.push(name);
        }
    }
}

/// One commit of one repository.
pub(super) struct Commit<'a> {
    hub: &'a Hub,
    /// The repository in words.
    pub(super) what: String,
    /// Name of the commit.
    pub(super) sha: String,
    /// Names of its files: all of them, or those in the cache when it is all there is.
    pub(super) files: Vec<String>,
    /// Where its files are, once fetched.
    pub(super) folder: PathBuf,
    /// The repository at this commit.
    remote: Result<Repo, Alone>,
    /// The revision as asked for.
    revision: String,
}

impl Commit<'_> {
    /// Whether the commit has a file of this name.
    pub(super) fn has(&self, file: &str) -> bool {
        self.files.iter().any(|name| name == file)
    }

    /// Where only the cache is at hand, so that something may be missing from there alone: the error for that.
    pub(super) fn incomplete(&self) -> Option<HubError> {
        self.remote.as_ref().err().map(|alone| self.not_cached(alone))
    }

    fn not_cached(&self, alone: &Alone) -> HubError {
        let HubSettings { endpoint, cache, .. } = self.hub.settings.clone();
        let what = self.what.clone();
        match alone {
            Alone::Forbidden(variable) => HubError::Offline { what, cache, variable },
            Alone::Down(source) => HubError::Unreachable { what, endpoint, source: source.clone() },
        }
    }

    /// The path of one file, downloaded unless it is in the cache.
    pub(super) fn fetch(&self, file: &str, observer: Observer<'_>) -> Result<PathBuf, HubError> {
        let path = self.folder.join(file);
        if path.is_file() {
            return Ok(path);
        }
        let repo = self.remote.as_ref().map_err(|alone| self.not_cached(alone))?;
        let address = utf8_percent_encode(file, ENCODED);
        let transfer = Transfer {
            client: &self.hub.client,
            store: &self.store(repo),
            what: format!("`{file}` of {}", self.what),
            url: format!("{}/{}/resolve/{}/{address}", self.hub.settings.endpoint, repo.url(), self.sha),
            commit: &self.sha,
            file,
        };
        self.hub.client.retrying(may_pass, || transfer.run(observer))?;
        Ok(path)
    }

    /// Notes in the cache which commit the revision meant, as Python does, for use without a network.
    pub(super) fn remember(&self) -> Result<(), HubError> {
        match &self.remote {
            Ok(repo) => Ok(self.store(repo).refer(&self.revision, &self.sha)?),
            Err(_) => Ok(()),
        }
    }

    fn store(&self, repo: &Repo) -> Store {
        Store::new(self.hub.settings.cache.join(repo.folder_name()))
    }
}

/// Whether another attempt at a file may succeed.
fn may_pass(error: &HubError) -> bool {
    let refused_rest = matches!(error, HubError::Status { status: 416, .. });
    refused_rest || is_busy(error) || matches!(error, HubError::Unreachable { .. } | HubError::Damaged { .. })
}
