//! What the Hub holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gatecheck_base::fs;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

/// The commit of every repository that the Hub begins with.
pub const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// Endings of files that lie at the other host, whatever their size.
const LARGE: [&str; 6] = [".safetensors", ".bin", ".npz", ".onnx", ".parquet", ".pt"];
/// From this size on a file is large in any case.
const LARGE_BYTES: usize = 10 << 20;

/// What one repository path answers at first: its files, or a status.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Files by their names.
    Files(BTreeMap<String, Vec<u8>>),
    /// A status.
    Status(u16),
}

/// The files of a repository.
pub fn files(names: &[(&str, &str)]) -> Answer {
    let files = names.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    Answer::Files(files.collect())
}

/// The tag that the Hub gives a file: git's of a small one, the SHA-256 of a large one.
pub fn etag(file: &str, content: &[u8]) -> String {
    if is_large(file, content.len()) { fs::sha256(content) } else { git_sha1(content) }
}

pub(crate) fn is_large(file: &str, size: usize) -> bool {
    LARGE.iter().any(|ending| file.ends_with(ending)) || size > LARGE_BYTES
}

pub(crate) fn git_sha1(content: &[u8]) -> String {
    hex_sha1(&[format!("blob {}\0", content.len()).as_bytes(), content].concat())
}

pub(crate) fn hex_sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of a commit.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) content: Arc<Vec<u8>>,
    /// Its name at the other host, where it lies there.
    pub(crate) sha256: Option<String>,
}

impl File {
    pub(crate) fn new(name: &str, content: Vec<u8>) -> Self {
        let sha256 = is_large(name, content.len()).then(|| fs::sha256(&content));
        Self { content: Arc::new(content), sha256 }
    }

    /// Git's name of what the repository itself holds: of a large file, the pointer.
    fn git_oid(&self) -> String {
        match &self.sha256 {
            None => git_sha1(&self.content),
            Some(sha256) => {
                let size = self.content.len();
                let start = "version https://git-lfs.github.com/spec/v1";
                git_sha1(format!("{start}\noid sha256:{sha256}\nsize {size}\n").as_bytes())
            }
        }
    }

    /// What names its content: the SHA-256 of a large file, git's of a small one.
    pub(crate) fn oid(&self) -> String {
        self.sha256.clone().unwrap_or_else(|| git_sha1(&self.content))
    }

    /// Its entry in a listing.
    pub(crate) fn entry(&self, path: &str) -> Value {
        let (oid, size) = (self.git_oid(), self.content.len());
        let mut entry = json!({ "type": "file", "oid": oid, "size": size, "path": path });
        if let Some(sha256) = &self.sha256 {
            entry["lfs"] = json!({ "oid": sha256, "size": size, "pointerSize": 134 });
        }
        entry
    }
}

/// One commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) files: BTreeMap<String, File>,
}

/// One repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repo {
    pub(crate) private: bool,
    /// What each branch, tag and pull request means.
    pub(crate) refs: BTreeMap<String, Commit>,
    /// Those that were the head of a branch once.
    pub(crate) past: Vec<Commit>,
    /// What is answered instead, by revision.
    pub(crate) statuses: BTreeMap<String, u16>,
    pub(crate) pulls: usize,
}

impl Repo {
    /// The commit that a revision means.
    pub(crate) fn commit(&self, revision: &str) -> Option<&Commit> {
        let named = || self.refs.values().chain(&self.past).find(|commit| commit.sha == revision);
        self.refs.get(revision).or_else(named)
    }

    /// A file, in whichever of the commits of this name has it: all that the Hub begins with bear the same.
    pub(crate) fn file(&self, revision: &str, name: &str) -> Option<(&Commit, &File)> {
        let all = || self.refs.values().chain(&self.past).filter(|commit| commit.sha == revision);
        let commits = self.refs.get(revision).into_iter().chain(all());
        commits.filter_map(|commit| Some((commit, commit.files.get(name)?))).next()
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By `models/owner/name` and `datasets/owner/name`.
    pub(crate) repos: BTreeMap<String, Repo>,
    /// Large files by their SHA-256.
    pub(crate) objects: BTreeMap<String, Arc<Vec<u8>>>,
    /// Parts of large files, by SHA-256 and number.
    pub(crate) parts: BTreeMap<(String, usize), Vec<u8>>,
    /// Whoever sent these was told that they are whole.
    pub(crate) verified: BTreeSet<String>,
}

impl State {
    /// By `models/id@revision` and `datasets/id@revision`.
    pub(crate) fn new(repos: &[(&str, Answer)]) -> Self {
        let mut state = Self::default();
        for (name, answer) in repos {
            let (id, revision) = name.split_once('@').unwrap();
            match answer {
                Answer::Status(status) => {
                    state.repo(id).statuses.insert(revision.to_owned(), *status);
                }
                Answer::Files(files) => {
                    let files =
                        files.iter().map(|(name, bytes)| (name.clone(), File::new(name, bytes.clone())));
                    let commit = Commit { sha: SHA.to_owned(), files: files.collect() };
                    let large = commit
                        .files
                        .values()
                        .filter_map(|file| Some((file.sha256.clone()?, file.content.clone())));
                    state.objects.extend(large);
                    state.repo(id).refs.insert(revision.to_owned(), commit);
                }
            }
        }
        state
    }

    fn repo(&mut self, id: &str) -> &mut Repo {
        self.repos.entry(id.to_owned()).or_default()
    }
}
