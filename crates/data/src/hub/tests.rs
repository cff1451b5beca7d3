//! Against a small Hub on the loopback address.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use gatecheck_base::{fs, kind::ErrorKind};
use tempfile::TempDir;
use tiny_http::{Header, Request, Response, Server};

use super::*;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// What one repository path answers: its files, or a status.
#[derive(Clone)]
enum Answer {
    Files(BTreeMap<String, Vec<u8>>),
    Status(u16),
}

/// How the next downloads go wrong.
#[derive(Default)]
struct Faults {
    /// Downloads that break off in the middle.
    truncated: AtomicUsize,
    /// Downloads whose bytes differ.
    garbled: AtomicUsize,
    /// Answer 403 to every file.
    gated: AtomicUsize,
}

struct FakeHub {
    endpoint: String,
    cache: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
    faults: Arc<Faults>,
    server: Arc<Server>,
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

impl FakeHub {
    /// Serves repositories by `models/id@revision` and `datasets/id@revision`.
    fn new(repos: &[(&str, Answer)]) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let endpoint = format!("http://{}", server.server_addr());
        let repos: BTreeMap<_, _> =
            repos.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let faults = Arc::new(Faults::default());
        let (own, seen, wrong) = (server.clone(), requests.clone(), faults.clone());
        thread::spawn(move || {
            for request in own.incoming_requests() {
                seen.lock().unwrap().push(request.url().to_owned());
                answer(request, &repos, &wrong);
            }
        });
        Self { endpoint, cache: TempDir::new().unwrap(), requests, faults, server }
    }

    fn settings(&self) -> HubSettings {
        let cache = self.cache.path().join("hub");
        HubSettings { endpoint: self.endpoint.clone(), cache, token: None, offline: None }
    }

    fn hub(&self) -> Hub {
        Hub::new(self.settings()).unwrap()
    }

    fn offline(&self) -> Hub {
        Hub::new(self.settings().cache_only()).unwrap()
    }

    /// The same cache, and nobody at the address.
    fn down(&self) -> Hub {
        Hub::new(HubSettings { endpoint: "http://127.0.0.1:9".into(), ..self.settings() }).unwrap()
    }

    /// Requests so far that match.
    fn count(&self, part: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|url| url.contains(part)).count()
    }
}

fn files(names: &[(&str, &str)]) -> Answer {
    let files = names.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    Answer::Files(files.collect())
}

fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// `/api/models/ID/revision/REVISION` or `/[datasets/]ID/resolve/SHA/FILE`.
fn answer(request: Request, repos: &BTreeMap<String, Answer>, faults: &Faults) {
    let url = request.url().replace("%2F", "/");
    if let Some(rest) = url.strip_prefix("/api/") {
        let (id, revision) = rest.split_once("/revision/").unwrap();
        let found = repos.get(&format!("{id}@{revision}"));
        let response = match found {
            Some(Answer::Files(files)) => {
                let siblings: Vec<_> =
                    files.keys().map(|name| serde_json::json!({"rfilename": name})).collect();
                Response::from_string(serde_json::json!({"sha": SHA, "siblings": siblings}).to_string())
            }
            Some(Answer::Status(status)) => Response::from_string("").with_status_code(*status),
            None => Response::from_string("").with_status_code(404),
        };
        return request.respond(response).unwrap();
    }
    let (id, file) = url[1..].split_once(&format!("/resolve/{SHA}/")).unwrap();
    let kind = if id.starts_with("datasets/") { "" } else { "models/" };
    let key = format!("{kind}{id}@");
    let content =
        repos.iter().filter(|(name, _)| name.starts_with(&key)).find_map(|(_, answer)| match answer {
            Answer::Files(files) => files.get(file),
            Answer::Status(_) => None,
        });
    match content {
        _ if faults.gated.load(Ordering::SeqCst) > 0 => {
            request.respond(Response::from_string("").with_status_code(403)).unwrap();
        }
        Some(content) => send(request, content.clone(), faults),
        None => request.respond(Response::from_string("").with_status_code(404)).unwrap(),
    }
}

/// Sends the range asked for.
fn send(request: Request, mut content: Vec<u8>, faults: &Faults) {
    let etag = fs::sha256(&content);
    let range = request.headers().iter().find(|header| header.field.equiv("Range")).unwrap();
    let range = range.value.as_str().strip_prefix("bytes=").unwrap().to_owned();
    let (start, end) = range.split_once('-').unwrap();
    let (start, total) = (start.parse::<usize>().unwrap(), content.len());
    let end = end.parse::<usize>().map_or(total, |end| (end + 1).min(total));
    let is_probe = range == "0-0";
    if !is_probe && take(&faults.garbled) {
        content[start..].fill(b'x');
    }
    let body = content[start..end].to_vec();
    let header = |name: &str, value: &str| Header::from_bytes(name, value).unwrap();
    if !is_probe && take(&faults.truncated) {
        // The server's library cannot drop a connection; an answer that ends early is the same to the file.
        let half = Response::from_data(&body[..body.len() / 2]).with_status_code(206);
        return request.respond(half).unwrap();
    }
    let response = Response::from_data(body)
        .with_status_code(206)
        .with_header(header("ETag", &format!("\"{etag}\"")))
        .with_header(header("X-Repo-Commit", SHA))
        .with_header(header("Content-Range", &format!("bytes {start}-{}/{total}", end.max(1) - 1)));
    // A client that gave up is none of the server's business.
    let _ = request.respond(response);
}

fn model() -> Answer {
    files(&[
        ("config.json", "{}"),
        ("tokenizer.json", "{\"t\": 1}"),
        ("1_Pooling/config.json", "{\"p\": 1}"),
        ("model.safetensors", "weights weights weights"),
        ("pytorch_model.bin", "pickle"),
        ("modeling_evil.py", "import os"),
        ("onnx/model.onnx", "onnx"),
    ])
}

fn quiet(_: Progress<'_>) {}

/// As a model's files depend on its modules.
fn companions(folder: &Path) -> Vec<String> {
    let mut names = ["1_Pooling/config.json", "config.json", "modules.json", "tokenizer.json"]
        .map(str::to_owned)
        .to_vec();
    if fs::read_text(&folder.join("modules.json")).is_ok_and(|text| text.contains("2_Dense")) {
        names.push("2_Dense/model.safetensors".to_owned());
    }
    names
}

fn snapshot(hub: &Hub) -> Result<Snapshot, HubError> {
    hub.model_snapshot("owner/model", None, companions, &mut quiet)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn a_model_is_fetched_once_and_only_what_is_needed() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let mut last = BTreeMap::new();
    let first = fake.hub().model_snapshot("owner/model", None, companions, &mut |progress: Progress<'_>| {
        last.insert(progress.file.to_owned(), (progress.received, progress.total));
    });
    let first = first.unwrap();
    assert_eq!(first.revision, SHA);
    let expected = ["1_Pooling", "config.json", "model.safetensors", "tokenizer.json"];
    assert_eq!(names(&first.folder), expected);
    assert_eq!(std::fs::read_to_string(first.folder.join("config.json")).unwrap(), "{}");
    assert_eq!(last["model.safetensors"], (23, 23));
    let before = fake.count("/resolve/");
    assert_eq!(snapshot(&fake.hub()).unwrap(), first);
    assert_eq!(fake.count("/resolve/"), before);
    assert_eq!(fake.count("pytorch_model") + fake.count(".py") + fake.count("onnx"), 0);
}

#[test]
fn the_files_of_modules_come_along() {
    let with_modules = |modules: &str| {
        let others = [("config.json", "{}"), ("2_Dense/model.safetensors", "d"), ("model.safetensors", "w")];
        files(&[&others[..], &[("modules.json", modules)]].concat())
    };
    let dense = with_modules(r#"[{"path": "2_Dense"}]"#);
    let fake = FakeHub::new(&[("models/owner/model@main", dense)]);
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert_eq!(names(&folder), ["2_Dense", "config.json", "model.safetensors", "modules.json"]);
    assert_eq!(names(&folder.join("2_Dense")), ["model.safetensors"]);
    let fake = FakeHub::new(&[("models/owner/model@main", with_modules("[]"))]);
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert_eq!(names(&folder), ["config.json", "model.safetensors", "modules.json"]);
}

#[test]
fn the_cache_serves_offline_and_when_the_network_is_down() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let first = snapshot(&fake.hub()).unwrap();
    let requests = fake.count("");
    assert_eq!(snapshot(&fake.offline()).unwrap(), first);
    assert_eq!(
        fake.offline().model_snapshot("owner/model", Some(SHA), companions, &mut quiet).unwrap(),
        first
    );
    assert_eq!(fake.count(""), requests);
    assert_eq!(snapshot(&fake.down()).unwrap(), first);
    // Python keeps the layout: a reference, blobs and links.
    let repo = fake.cache.path().join("hub/models--owner--model");
    assert_eq!(std::fs::read_to_string(repo.join("refs/main")).unwrap(), SHA);
    assert!(repo.join("snapshots").join(SHA).join("config.json").is_symlink());
}

#[test]
fn offline_without_the_files_is_said() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let error = snapshot(&fake.offline()).unwrap_err();
    assert!(error.to_string().starts_with("model `owner/model` is not complete in the cache `"), "{error}");
    assert!(error.hint().unwrap().contains("HF_HUB_OFFLINE"));
    assert_eq!(fake.count(""), 0);
    // A download that stopped before the weights is no model either.
    let folder = snapshot(&fake.hub()).unwrap().folder;
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    let other = HubSettings { offline: Some("TRANSFORMERS_OFFLINE"), ..fake.settings() };
    let error = snapshot(&Hub::new(other).unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("and `TRANSFORMERS_OFFLINE` is set"), "{error}");
    assert_eq!(error.hint().unwrap(), "unset `TRANSFORMERS_OFFLINE` once to download it");
    // Nobody forbade the network: it is down.
    let error = snapshot(&fake.down()).unwrap_err();
    assert_eq!(error.to_string(), "failed to fetch model `owner/model` from http://127.0.0.1:9");
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[test]
fn a_cache_that_cannot_be_written_is_no_network() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    fs::write_atomic(&fake.cache.path().join("hub/models--owner--model/blobs"), b"in the way").unwrap();
    let error = snapshot(&fake.hub()).unwrap_err();
    assert!(error.to_string().starts_with("failed to write into `"), "{error}");
    assert_eq!((error.kind(), error.hint()), (ErrorKind::Disk, None));
    assert_eq!(fake.count("/resolve/"), 2, "asked once, in two requests");
}

#[test]
fn refusals_differ() {
    let fake = FakeHub::new(&[
        ("models/owner/private@main", Answer::Status(401)),
        ("models/owner/model@main", model()),
        ("models/owner/busy@main", Answer::Status(429)),
    ]);
    let ask = |hub: &Hub, id: &str| hub.model_snapshot(id, None, companions, &mut quiet).unwrap_err();
    let error = ask(&fake.hub(), "owner/nothing");
    assert_eq!(error.to_string(), format!("model `owner/nothing` was not found on {}", fake.endpoint));
    let error = ask(&fake.hub(), "owner/private");
    assert!(error.to_string().ends_with("refused access to model `owner/private` (status 401)"), "{error}");
    assert!(error.hint().unwrap().contains("set `HF_TOKEN`"));
    let error = ask(&fake.hub(), "owner/busy");
    assert!(matches!(error, HubError::Status { status: 429, .. }));
    fake.faults.gated.store(1, Ordering::SeqCst);
    let token = HubSettings { token: Some("hf_secret".into()), ..fake.settings() };
    let error = ask(&Hub::new(token).unwrap(), "owner/model");
    assert!(error.to_string().contains("refused access to `1_Pooling/config.json`"), "{error}");
    assert!(error.hint().unwrap().contains("the token in use"));
    assert!(!format!("{error:?}").contains("hf_secret"));
    let error = ask(&fake.down(), "owner/model");
    assert_eq!(error.to_string(), "failed to fetch model `owner/model` from http://127.0.0.1:9");
    assert!(error.hint().unwrap().contains("network"));
    let error = fake.hub().model_snapshot("owner/model", Some("v9"), companions, &mut quiet).unwrap_err();
    assert!(error.to_string().starts_with("model `owner/model`, revision `v9` was not found"), "{error}");
}

#[test]
fn a_broken_transfer_is_resumed() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    fake.faults.truncated.store(2, Ordering::SeqCst);
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert_eq!(std::fs::read_to_string(folder.join("1_Pooling/config.json")).unwrap(), "{\"p\": 1}");
}

#[test]
fn a_transfer_that_stays_broken_leaves_nothing_that_looks_complete() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    fake.faults.truncated.store(1000, Ordering::SeqCst);
    let error = snapshot(&fake.hub()).unwrap_err();
    assert!(matches!(error, HubError::Damaged { .. } | HubError::Unreachable { .. }), "{error}");
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    let snapshots = fake.cache.path().join("hub/models--owner--model/snapshots").join(SHA);
    assert_eq!(files_below(&snapshots), Vec::<std::path::PathBuf>::new());
    fake.faults.truncated.store(0, Ordering::SeqCst);
    assert_eq!(names(&snapshot(&fake.hub()).unwrap().folder).len(), 4);
}

#[test]
fn wrong_bytes_are_noticed_and_removed() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    fake.faults.garbled.store(1000, Ordering::SeqCst);
    let error = snapshot(&fake.hub()).unwrap_err();
    let expected = "`1_Pooling/config.json` of model `owner/model` arrived damaged: its SHA-256 is not the one announced";
    assert_eq!(error.to_string(), expected);
    fake.faults.garbled.store(1, Ordering::SeqCst);
    assert!(snapshot(&fake.hub()).is_ok());
}

#[test]
fn shards_come_from_the_index() {
    let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#;
    let sharded = |index: &str| {
        files(&[
            ("config.json", "{}"),
            ("model-1.safetensors", "1"),
            ("model-2.safetensors", "2"),
            ("model.safetensors.index.json", index),
        ])
    };
    let fake = FakeHub::new(&[("models/owner/model@main", sharded(index))]);
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert!(folder.join("model-2.safetensors").is_file());
    std::fs::remove_file(folder.join("model-2.safetensors")).unwrap();
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    for (index, message) in [
        (r#"{"weight_map": {"a": "../../x.safetensors"}}"#, "leaves its folder: `../../x.safetensors`"),
        (r#"{"weight_map": {"a": "x.safetensors"}}"#, "the repository has no `x.safetensors`"),
        (r#"{"weight_map": {"a": "x.bin"}}"#, "`x.bin` is no safetensors file"),
        (r#"{"weight_map": {}}"#, "it names no shards"),
        ("[]", "malformed"),
    ] {
        let fake = FakeHub::new(&[("models/owner/model@main", sharded(index))]);
        let error = snapshot(&fake.hub()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn pickles_and_odd_repositories_are_refused() {
    for (answer, message) in [
        (
            files(&[("config.json", "{}"), ("pytorch_model.bin", "p")]),
            "only as `pytorch_model.bin`, which are never",
        ),
        (files(&[("config.json", "{}")]), "has no `model.safetensors`"),
        (files(&[("model.safetensors", "w")]), "has no `config.json`"),
        (files(&[("config.json", "{}"), ("../../evil", "e")]), "leaves its folder: `../../evil`"),
        (files(&[("config.json", "{}"), ("/etc/evil", "e")]), "leaves its folder: `/etc/evil`"),
    ] {
        let fake = FakeHub::new(&[("models/owner/model@main", answer)]);
        let error = snapshot(&fake.hub()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(fake.count("/resolve/"), 0);
        if matches!(error, HubError::OnlyPickles { .. }) {
            assert!(error.hint().unwrap().contains("refs/pr/NUMBER"));
        }
    }
    let fake = FakeHub::new(&[]);
    let error = fake.hub().model_snapshot("../etc", None, companions, &mut quiet).unwrap_err();
    assert_eq!(error.to_string(), "`../etc` is no Hub id such as `facebook/bart-large-mnli`");
    assert!(fake.hub().model_snapshot("a/b", Some("../x"), companions, &mut quiet).is_err());
    assert_eq!(fake.count(""), 0);
}

#[test]
fn a_split_comes_from_the_parquet_branch_in_order() {
    let branch = files(&[
        ("mnli/train/0000.parquet", "first"),
        ("mnli/train/0001.parquet", "second"),
        ("mnli/test/0000.parquet", "test"),
    ]);
    let fake = FakeHub::new(&[("datasets/nyu-mll/glue@refs/convert/parquet", branch)]);
    let get =
        |hub: &Hub, split: &str| hub.dataset_files("nyu-mll/glue", Some("mnli"), split, None, &mut quiet);
    let train = get(&fake.hub(), "train").unwrap();
    let texts: Vec<_> = train.files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert_eq!((texts, train.revision.as_str()), (vec!["first".to_owned(), "second".to_owned()], SHA));
    assert_eq!(get(&fake.offline(), "train").unwrap(), train);
    assert!(matches!(get(&fake.offline(), "test"), Err(HubError::Offline { .. })));
    std::fs::remove_file(&train.files[0]).unwrap();
    assert!(matches!(get(&fake.offline(), "train"), Err(HubError::Offline { .. })));
    let error = get(&fake.hub(), "validation").unwrap_err();
    assert_eq!(
        error.to_string(),
        "dataset `nyu-mll/glue` has no split `validation`; its splits are `test` and `train`"
    );
}

#[test]
fn a_dataset_without_that_branch_is_read_from_its_own_files() {
    let own = files(&[("README.md", ""), ("data/test-00000-of-00001.parquet", "test")]);
    let fake = FakeHub::new(&[("datasets/owner/set@main", own)]);
    let found = fake.hub().dataset_files("owner/set", None, "test", None, &mut quiet).unwrap();
    assert_eq!(std::fs::read_to_string(&found.files[0]).unwrap(), "test");
    for hub in [fake.offline(), fake.down()] {
        assert_eq!(hub.dataset_files("owner/set", None, "test", None, &mut quiet).unwrap(), found);
    }
    let error = fake.down().dataset_files("owner/set", None, "train", None, &mut quiet).unwrap_err();
    assert_eq!(error.to_string(), "failed to fetch dataset `owner/set` from http://127.0.0.1:9");
    let error = fake.hub().dataset_files("owner/none", None, "test", None, &mut quiet).unwrap_err();
    assert!(error.to_string().starts_with("dataset `owner/none` was not found on"), "{error}");
}
