//! A Hub that answers anything.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use gatecheck_base::fs::sha256_file;
use gatecheck_data::hub::{Hub, HubSettings};
use tempfile::TempDir;

/// What lies between two answers (`examples/fuzz_seeds.rs`).
const BETWEEN: &[u8] = b"\0\0";

/// Asks a Hub for a model; it gives these answers, one to a request, as they stand, then hangs up. Nothing may be
/// written outside the cache, and a blob that has a checksum for a name must have it for its content.
pub fn answers(bytes: &[u8]) {
    let (endpoint, queue) = server();
    *queue.lock().expect("no server panicked") = split(bytes);
    let outside = tempfile::tempdir().expect("a folder");
    let cache = outside.path().join("a/b/hub");
    let settings =
        HubSettings { endpoint: endpoint.clone(), login: None, cache: cache.clone(), token: None, offline: None };
    let hub = Hub::new(settings).expect("an address");
    let companions = |_: &Path| vec!["config.json".to_owned(), "tokenizer.json".to_owned()];
    let taken = hub.model_snapshot("owner/model", None, companions, &mut |_| ());
    if let Ok(snapshot) = taken {
        assert!(snapshot.folder.starts_with(&cache), "{}", snapshot.folder.display());
    }
    check(&outside, &cache);
}

fn check(outside: &TempDir, cache: &Path) {
    for path in files(outside.path()) {
        assert!(path.starts_with(cache), "{} is outside the cache", path.display());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_blob = path.parent().is_some_and(|folder| folder.ends_with("blobs"));
        if is_blob && name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            assert_eq!(sha256_file(&path).expect("readable"), name.to_ascii_lowercase());
        }
    }
}

/// Files below a folder, no links.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry"));
    let below = entries.flat_map(|entry| {
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() { files(&entry.path()) } else { vec![entry.path()] }
    });
    below.collect()
}

fn split(mut bytes: &[u8]) -> VecDeque<Vec<u8>> {
    let mut answers = VecDeque::new();
    while let Some(end) = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        answers.push_back(bytes[..end].to_vec());
        bytes = &bytes[end + BETWEEN.len()..];
    }
    answers.push_back(bytes.to_vec());
    answers
}

type Queue = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// The one server of this process, and what it answers next.
fn server() -> &'static (String, Queue) {
    static SERVER: OnceLock<(String, Queue)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let queue = Queue::default();
        let answers = queue.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answers.lock().expect("no client panicked").pop_front();
                // A client that gave up is none of the server's business.
                let _ = reply(stream, &answer.unwrap_or_default());
            }
        });
        (endpoint, queue)
    })
}

fn reply(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let lines = BufReader::new(&stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    stream.write_all(answer)
}
