//! One commit of one repository, file by file, into the cache.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use gatecheck_base::fs;
use hf_hub::{
    Cache, CacheRepo, Repo, RepoType,
    api::sync::{Api, ApiBuilder, ApiError, ApiRepo},
};

use super::{HubError, HubSettings, names};

/// Attempts at one file.
const ATTEMPTS: u32 = 3;

/// How far one download has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name in its repository.
    pub file: &'a str,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What is told of progress, called often.
pub(super) type Observer<'a> = &'a mut dyn FnMut(Progress<'_>);

/// The Hub, or its cache.
pub struct Hub {
    pub(super) settings: HubSettings,
    api: Api,
}

impl Hub {
    /// Opens the Hub; nothing is asked of it yet.
    pub fn new(settings: HubSettings) -> Result<Self, HubError> {
        let api = ApiBuilder::from_cache(Cache::new(settings.cache.clone()))
            .with_endpoint(settings.endpoint.clone())
            .with_token(settings.token.clone())
            .with_progress(false)
            .build();
        let endpoint = settings.endpoint.clone();
        let api = api.map_err(|error| HubError::Unreachable {
            what: "anything".into(),
            endpoint,
            source: Arc::new(error),
        })?;
        Ok(Self { settings, api })
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
        let info = match self.api.repo(repo.clone()).info() {
            Ok(info) => info,
            Err(error) => {
                let error = self.explain(&asked, error);
                let HubError::Unreachable { source, .. } = &error else { return Err(error) };
                return self.cached_commit(kind, id, revision, Alone::Down(source.clone())).ok_or(error);
            }
        };
        let files: Vec<_> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        let unsafe_name = [&info.sha].into_iter().chain(&files).find(|name| !names::stays_inside(name));
        if let Some(file) = unsafe_name {
            return Err(HubError::Unsafe { what, file: file.clone() });
        }
        let exact = Repo::with_revision(id.to_owned(), kind, info.sha.clone());
        let cache = Cache::new(self.settings.cache.clone());
        Ok(Commit {
            hub: self,
            what,
            folder: cache.repo(exact.clone()).pointer_path(&info.sha),
            remote: Ok(self.api.repo(exact)),
            named: cache.repo(repo),
            sha: info.sha,
            files,
        })
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
        let named = cache.repo(repo);
        let folder = names::stays_inside(&sha).then(|| named.pointer_path(&sha))?;
        let mut files = Vec::new();
        list(&folder, "", &mut files);
        (!files.is_empty()).then(|| Commit {
            hub: self,
            what: words(kind, id),
            folder,
            remote: Err(alone),
            named,
            sha,
            files,
        })
    }

    /// Turns hf-hub's error into one that says what to do.
    fn explain(&self, what: &str, error: ApiError) -> HubError {
        let (what, endpoint) = (what.to_owned(), self.settings.endpoint.clone());
        match error {
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(404 | 410) => HubError::NotFound { what, endpoint },
                ureq::Error::StatusCode(status @ (401 | 403)) => {
                    HubError::Denied { what, endpoint, status, with_token: self.settings.token.is_some() }
                }
                ureq::Error::StatusCode(status) => HubError::Status { what, endpoint, status },
                error => HubError::Unreachable { what, endpoint, source: Arc::new(error) },
            },
            ApiError::TooManyRetries(error) => self.explain(&what, *error),
            ApiError::LockAcquisition(_) => HubError::Busy { what },
            ApiError::IoError(error) if is_of_disk(&error) => {
                fs::FileError::new("write into", &self.settings.cache, error).into()
            }
            error => HubError::Unreachable { what, endpoint, source: Arc::new(error) },
        }
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

/// Whether it is the cache that failed: while a body is copied into a file, hf-hub has one error for both sides.
fn is_of_disk(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
    )
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
    remote: Result<ApiRepo, Alone>,
    /// The repository under the revision as asked for.
    named: CacheRepo,
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
        let remote = self.remote.as_ref().map_err(|alone| self.not_cached(alone))?;
        let mut attempt = 1;
        loop {
            match self.download(remote, file, &path, observer) {
                Err(HubError::Unreachable { .. } | HubError::Damaged { .. } | HubError::Status { .. })
                    if attempt < ATTEMPTS =>
                {
                    thread::sleep(Duration::from_millis(300 * u64::from(attempt)));
                    attempt += 1;
                }
                Ok(()) => return Ok(path),
                Err(error) => return Err(error),
            }
        }
    }

    /// Downloads one file and checks it. hf-hub resumes half files, but checks neither their size nor
    /// their checksum, and takes names from the answer's headers.
    fn download(
        &self,
        remote: &ApiRepo,
        file: &str,
        path: &Path,
        observer: Observer<'_>,
    ) -> Result<(), HubError> {
        let what = format!("`{file}` of {}", self.what);
        let explain = |error| self.hub.explain(&what, error);
        let metadata = self.hub.api.metadata(&remote.url(file)).map_err(explain)?;
        if !names::stays_inside(metadata.etag()) {
            return Err(HubError::Unsafe { what, file: metadata.etag().to_owned() });
        }
        if metadata.commit_hash() != self.sha {
            let detail = format!("it is from commit `{}`, not `{}`", metadata.commit_hash(), self.sha);
            return Err(HubError::Damaged { what, detail });
        }
        let blob = self.named.blob_path(metadata.etag());
        let part = blob.with_extension("part");
        if std::fs::metadata(&part).is_ok_and(|part| part.len() >= metadata.size() as u64) {
            let _ = std::fs::remove_file(&part);
        }
        remote
            .download_with_progress(file, Bridge { file, received: 0, total: 0, observer })
            .map_err(explain)?;
        verify(&what, path, metadata.size() as u64, metadata.etag()).inspect_err(|_| {
            for wrong in [path, &blob, &part] {
                let _ = std::fs::remove_file(wrong);
            }
        })
    }

    /// Notes in the cache which commit the revision meant, as Python does, for use without a network.
    pub(super) fn remember(&self) -> Result<(), HubError> {
        if self.remote.is_err() {
            return Ok(());
        }
        let noted = self.named.create_ref(&self.sha);
        noted.map_err(|error| fs::FileError::new("write into", &self.hub.settings.cache, error).into())
    }
}

/// Compares size and, for large files, whose tag is their SHA-256, the checksum.
fn verify(what: &str, path: &Path, size: u64, etag: &str) -> Result<(), HubError> {
    let metadata = std::fs::metadata(path).map_err(|error| fs::FileError::new("read", path, error))?;
    let damaged = |detail| Err(HubError::Damaged { what: what.to_owned(), detail });
    if metadata.len() != size {
        return damaged(format!("{} bytes instead of {size}", metadata.len()));
    }
    let is_sha256 = etag.len() == 64 && etag.chars().all(|c| c.is_ascii_hexdigit());
    if is_sha256 && fs::sha256_file(path)? != etag {
        return damaged("its SHA-256 is not the one announced".into());
    }
    Ok(())
}

/// hf-hub's progress to ours.
struct Bridge<'a, 'b> {
    file: &'a str,
    received: u64,
    total: u64,
    observer: &'a mut (dyn FnMut(Progress<'_>) + 'b),
}

impl hf_hub::api::Progress for Bridge<'_, '_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.received, self.total) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.received += size as u64;
        (self.observer)(Progress { file: self.file, received: self.received, total: self.total });
    }

    fn finish(&mut self) {}
}
