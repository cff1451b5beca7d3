//! What an upload sends, and what it refuses to.

use gatecheck_loopback::Options;

use super::{fake::impatient, *};
use crate::hub::upload::{Content, LocalFile, Upload, UploadError, Uploaded};

/// The weights of these tests, larger than a part.
pub(super) fn weights() -> Vec<u8> {
    (0..100_000_u32).flat_map(|number| (number * 7).to_le_bytes()).collect()
}

/// A folder with a small model, and its files.
pub(super) fn local() -> (tempfile::TempDir, Vec<LocalFile>) {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = [
        ("config.json", b"{}\n".to_vec()),
        ("tokenizer.json", "{\"ä\": 1}".into()),
        ("1_Pooling/config.json", b"{\"p\": 1}".to_vec()),
        ("empty.txt", Vec::new()),
        ("model.safetensors", weights()),
    ];
    let mut files: Vec<_> = on_disk.map(|(name, bytes)| on_disk_file(folder.path(), name, &bytes)).into();
    let card = b"# card\n".to_vec();
    let sha256 = fs::sha256(&card);
    files.push(LocalFile { name: "README.md".into(), size: 7, content: Content::Bytes(card), sha256 });
    (folder, files)
}

pub(super) fn on_disk_file(folder: &Path, name: &str, bytes: &[u8]) -> LocalFile {
    let path = folder.join(name);
    fs::write_atomic(&path, bytes).unwrap();
    let (size, sha256) = (bytes.len() as u64, fs::sha256(bytes));
    LocalFile { name: name.to_owned(), content: Content::Path(path), size, sha256 }
}

/// An upload of these files to a new repository.
pub(super) fn to_repo(files: &[LocalFile]) -> Upload<'_> {
    let (repo, summary) = ("someone/new", "Upload");
    Upload { repo, files, private: false, pull_request: false, force: false, summary }
}

pub(super) fn writer(fake: &FakeHub) -> Hub {
    with_token(fake, Some("hf_write"))
}

pub(super) fn with_token(fake: &FakeHub, token: Option<&str>) -> Hub {
    let settings = HubSettings { token: token.map(str::to_owned), ..fake.settings() };
    Hub::with_limits(settings, impatient()).unwrap()
}

fn uploaded(hub: &Hub, upload: &Upload<'_>) -> Result<Uploaded, UploadError> {
    hub.upload(upload, &mut quiet)
}

/// What a repository holds beside `.gitattributes`, which must be these files.
#[track_caller]
pub(super) fn holds(fake: &FakeHub, revision: &str, files: &[LocalFile]) {
    let mut there = fake.files("models/someone/new", revision).unwrap();
    there.retain(|(name, _)| name != ".gitattributes");
    let bytes = |file: &LocalFile| match &file.content {
        Content::Path(path) => std::fs::read(path).unwrap(),
        Content::Bytes(bytes) => bytes.clone(),
    };
    let mut ours: Vec<_> = files.iter().map(|file| (file.name.clone(), bytes(file))).collect();
    ours.sort();
    assert!(there == ours, "{:?}", there.iter().map(|(name, _)| name).collect::<Vec<_>>());
}

fn real() -> Options {
    Options { redirects: true, page: Some(2), ..Options::default() }
}

#[test]
fn what_is_uploaded_comes_back() {
    let (_folder, files) = local();
    for part_bytes in [None, Some(150_000)] {
        let fake = FakeHub::with(&[], Options { part_bytes, ..real() });
        let mut last = BTreeMap::new();
        let done = writer(&fake).upload(&to_repo(&files), &mut |at: Progress<'_>| {
            last.insert(at.file.to_owned(), (at.received, at.total));
        });
        let done = done.unwrap();
        assert_eq!(
            (done.page.as_str(), done.sent_bytes),
            (&*format!("{}/someone/new", fake.endpoint), 400_000)
        );
        assert_eq!((done.committed.len(), done.removed.len(), done.left.len()), (6, 0, 0));
        assert_eq!(last["model.safetensors"], (400_000, 400_000));
        holds(&fake, "main", &files);
        holds(&fake, &done.commit, &files);
        let found = fake.hub().model_snapshot("someone/new", None, companions, &mut quiet).unwrap();
        assert_eq!(found.revision, done.commit);
        for name in names(&found.folder).iter().filter(|name| !name.starts_with("1_")) {
            let ours = files.iter().find(|file| file.name == *name).unwrap();
            assert_eq!(fs::sha256_file(&found.folder.join(name)).unwrap(), ours.sha256);
        }
        assert!(found.folder.join("1_Pooling/config.json").is_file());
    }
}

#[test]
fn the_requests_and_their_order() {
    let (_folder, files) = local();
    let fake = FakeHub::with(&[], Options { part_bytes: Some(150_000), ..real() });
    let done = uploaded(&writer(&fake), &to_repo(&files)).unwrap();
    let sha256 = &files[4].sha256;
    let first = fake.asked()[4].rsplit('/').next().unwrap()[..40].to_owned();
    let part = |number: u32| format!("PUT /upload/{sha256}?X-Signature=1&partNumber={number}");
    let tree = |commit: &str| format!("GET /api/models/someone/new/tree/{commit}?recursive=true");
    let expected = [
        "GET /api/whoami-v2".to_owned(),
        "GET /api/models/someone/new/revision/main".to_owned(),
        "POST /api/repos/create".to_owned(),
        "GET /api/models/someone/new/revision/main".to_owned(),
        tree(&first),
        "POST /api/models/someone/new/preupload/main".to_owned(),
        "POST /someone/new.git/info/lfs/objects/batch".to_owned(),
        part(1),
        part(2),
        part(3),
        format!("POST /complete/{sha256}?X-Signature=1"),
        "POST /lfs/verify".to_owned(),
        "POST /api/models/someone/new/commit/main".to_owned(),
        tree(&done.commit),
        format!("{}&cursor=2", tree(&done.commit)),
        format!("{}&cursor=4", tree(&done.commit)),
        format!("{}&cursor=6", tree(&done.commit)),
    ];
    assert_eq!(fake.asked()[..4], expected[..4]);
    assert_eq!(fake.asked()[5..], expected[5..]);
    for ask in fake.requests.lock().unwrap().iter() {
        let with_token = ask.headers.get("authorization").map(String::as_str) == Some("Bearer hf_write");
        assert_eq!(with_token, !ask.path.contains("X-Signature"), "{ask:?}");
    }
}

#[test]
fn what_is_there_is_not_sent_again() {
    let (_folder, files) = local();
    let fake = FakeHub::with(&[], real());
    let first = uploaded(&writer(&fake), &to_repo(&files)).unwrap();
    let before = fake.asked().len();
    let second = uploaded(&writer(&fake), &to_repo(&files)).unwrap();
    assert_eq!((second.commit, second.committed, second.sent_bytes), (first.commit, vec![], 0));
    assert!(fake.asked()[before..].iter().all(|ask| ask.starts_with("GET")), "{:?}", fake.asked());
    // Another repository, and the same weights.
    let elsewhere = Upload { repo: "someone/else", private: true, ..to_repo(&files) };
    let third = uploaded(&writer(&fake), &elsewhere).unwrap();
    assert_eq!((third.committed.len(), third.sent_bytes), (6, 0));
    assert_eq!(fake.is_private("models/someone/else"), Some(true));
    assert_eq!(fake.is_private("models/someone/new"), Some(false));
    assert_eq!(fake.asked().iter().filter(|ask| ask.starts_with("PUT")).count(), 1);
}

#[test]
fn other_content_is_not_touched_unless_forced() {
    let (_folder, files) = local();
    let there = super::files(&[
        (".gitattributes", "*"),
        ("config.json", "{\"another\": 1}"),
        ("model-00001-of-00002.safetensors", "shard"),
        ("tokenizer.json", "{\"ä\": 1}"),
        ("NOTES.md", "precious"),
    ]);
    let fake = FakeHub::with(&[("models/someone/new@main", there)], real());
    let before = fake.files("models/someone/new", "main");
    let error = uploaded(&writer(&fake), &to_repo(&files)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "repository `someone/new` is there and holds other files: `config.json`, `NOTES.md` and \
         `model-00001-of-00002.safetensors`"
    );
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.hint().unwrap().contains("--force"));
    assert_eq!(fake.files("models/someone/new", "main"), before);
    assert!(fake.asked().iter().all(|ask| ask.starts_with("GET")));

    let done = uploaded(&writer(&fake), &Upload { force: true, ..to_repo(&files) }).unwrap();
    assert_eq!(done.left, ["NOTES.md"]);
    assert_eq!(done.removed, ["model-00001-of-00002.safetensors"]);
    assert!(!done.committed.contains(&"tokenizer.json".to_owned()));
    let names: Vec<_> =
        fake.files("models/someone/new", "main").unwrap().into_iter().map(|(n, _)| n).collect();
    let expected = [
        ".gitattributes",
        "1_Pooling/config.json",
        "NOTES.md",
        "README.md",
        "config.json",
        "empty.txt",
        "model.safetensors",
        "tokenizer.json",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_pull_request_leaves_main_alone() {
    let (_folder, files) = local();
    let there = || [("models/someone/new@main", super::files(&[("config.json", "old")]))];
    let fake = FakeHub::with(&there(), real());
    let upload = Upload { pull_request: true, ..to_repo(&files) };
    let done = uploaded(&writer(&fake), &upload).unwrap();
    assert_eq!(done.page, format!("{}/someone/new/discussions/1", fake.endpoint));
    holds(&fake, "refs/pr/1", &files);
    assert_eq!(
        fake.files("models/someone/new", "main").unwrap(),
        [("config.json".to_owned(), b"old".to_vec())]
    );
    // Nobody to propose it to.
    let error = uploaded(&writer(&fake), &Upload { repo: "someone/none", ..upload }).unwrap_err();
    assert!(error.to_string().starts_with("repository `someone/none` was not found on"), "{error}");
    assert_eq!((error.kind(), fake.is_private("models/someone/none")), (ErrorKind::Usage, None));
}

#[test]
fn nothing_is_asked_without_a_token_and_nothing_sent_with_a_weak_one() {
    let (_folder, files) = local();
    let fake = FakeHub::with(&[], real());
    let error = |token| uploaded(&with_token(&fake, token), &to_repo(&files)).unwrap_err();
    assert_eq!(error(None).to_string(), format!("there is no token to write to {} with", fake.endpoint));
    assert!(error(None).hint().unwrap().contains("`HF_TOKEN`"));
    let offline = uploaded(&fake.offline(), &to_repo(&files)).unwrap_err();
    assert_eq!(offline.to_string(), "nothing can be uploaded while `HF_HUB_OFFLINE` is set");
    for repo in ["name", "a/b/c", "../x"] {
        assert!(uploaded(&writer(&fake), &Upload { repo, ..to_repo(&files) }).is_err());
    }
    assert_eq!(fake.count(""), 0);
    assert_eq!(error(Some("hf_read")).to_string(), "the token in use, of `someone`, may read and not write");
    let unknown = error(Some("hf_unknown"));
    assert_eq!(unknown.to_string(), format!("{} does not know the token in use (status 401)", fake.endpoint));
    assert!(!format!("{unknown:?}").contains("hf_unknown"));
    for error in [error(None), offline, error(Some("hf_read")), unknown] {
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
    assert!(fake.asked().iter().all(|ask| ask == "GET /api/whoami-v2"), "{:?}", fake.asked());
    // The token is one that writes, and not there.
    let other = Upload { repo: "other/new", ..to_repo(&files) };
    let error = uploaded(&writer(&fake), &other).unwrap_err();
    let words = "refused to make repository `other/new` (status 403): You don't have the rights";
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.hint().unwrap().starts_with("the token in use may not write there"));
}

#[test]
fn a_mirror_takes_no_uploads() {
    let (_folder, files) = local();
    let fake = FakeHub::with(&[], Options { read_only: true, ..Options::default() });
    let error = uploaded(&writer(&fake), &to_repo(&files)).unwrap_err();
    assert_eq!(error.to_string(), format!("{} takes no uploads (status 405)", fake.endpoint));
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn names_that_leave_the_repository_are_refused() {
    let (_folder, mut files) = local();
    files[0].name = "../config.json".to_owned();
    let fake = FakeHub::new(&[]);
    let error = uploaded(&writer(&fake), &to_repo(&files)).unwrap_err();
    assert!(error.to_string().ends_with("leaves its folder: `../config.json`"), "{error}");
    assert_eq!(fake.count(""), 0);
}

#[test]
fn a_file_that_changes_is_not_committed() {
    for name in ["model.safetensors", "config.json"] {
        let (folder, files) = local();
        let mut other = std::fs::read(folder.path().join(name)).unwrap();
        other[0] ^= 1;
        std::fs::write(folder.path().join(name), other).unwrap();
        let fake = FakeHub::with(&[], real());
        let error = uploaded(&writer(&fake), &to_repo(&files)).unwrap_err();
        let path = folder.path().join(name);
        assert_eq!(error.to_string(), format!("`{}` changed while it was sent", path.display()));
        assert_eq!(fake.commits("models/someone/new"), 0);
    }
}
