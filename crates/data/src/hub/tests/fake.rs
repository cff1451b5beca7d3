//! The Hub of these tests: whole answers, unless a test twists them.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use gatecheck_base::fs;
use sha1::{Digest, Sha1};
use tempfile::TempDir;

use crate::hub::{Hub, HubSettings, client::Limits};

/// The only commit there is.
pub(super) const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// What one repository path answers: its files, or a status.
#[derive(Clone)]
pub(super) enum Answer {
    Files(BTreeMap<String, Vec<u8>>),
    Status(u16),
}

/// The files of a repository.
pub(super) fn files(names: &[(&str, &str)]) -> Answer {
    let files = names.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    Answer::Files(files.collect())
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: String,
    /// Path and query, `%2F` as `/`.
    pub(super) path: String,
    /// Names in small letters.
    pub(super) headers: BTreeMap<String, String>,
    /// How many like it, with this method for this path, came before.
    pub(super) before: usize,
}

impl Ask {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines =
            BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let first = lines.next()?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?.replace("%2F", "/"));
        let pairs = lines.filter_map(|line| {
            line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        });
        Some(Self { method, path, headers: pairs.collect(), before: 0 })
    }

    /// Whether a file of this name is meant, by `GET`.
    pub(super) fn gets(&self, file: &str) -> bool {
        self.method == "GET" && self.is_of(file)
    }

    /// Whether a file of this name is meant.
    pub(super) fn is_of(&self, file: &str) -> bool {
        self.path.contains("/resolve/") && self.path.ends_with(file)
    }
}

/// Answers and closes; a body's length is told and the body not sent where only headers were asked for.
pub(super) fn reply(ask: &Ask, stream: &mut TcpStream, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status} Some Words\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| ["Content-Length", "Transfer-Encoding"].contains(name)) {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    let body = if ask.method == "HEAD" { &[] } else { body };
    // A client that gave up is none of the server's business.
    let _ = stream.write_all(&[head.as_bytes(), b"\r\n", body].concat());
}

/// The tag that the Hub gives a file: git's of a small one, the SHA-256 of a large one.
pub(super) fn etag(file: &str, content: &[u8]) -> String {
    if !file.ends_with(".json") {
        return fs::sha256(content);
    }
    let git = [format!("blob {}\0", content.len()).as_bytes(), content].concat();
    Sha1::digest(git).iter().map(|byte| format!("{byte:02x}")).collect()
}

type Twist = dyn Fn(&Ask, &mut TcpStream) -> bool + Send + Sync;

pub(super) struct FakeHub {
    pub(super) endpoint: String,
    pub(super) cache: TempDir,
    pub(super) requests: Arc<Mutex<Vec<Ask>>>,
}

impl FakeHub {
    /// Serves repositories by `models/id@revision` and `datasets/id@revision`.
    pub(super) fn new(repos: &[(&str, Answer)]) -> Self {
        Self::twisted(repos, |_, _| false)
    }

    /// The same, but for what `twist` answers itself.
    pub(super) fn twisted(
        repos: &[(&str, Answer)],
        twist: impl Fn(&Ask, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let repos: BTreeMap<_, _> =
            repos.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, both) = (requests.clone(), Arc::new((repos, Box::new(twist) as Box<Twist>)));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, both) = (seen.clone(), both.clone());
                thread::spawn(move || serve(stream, &seen, &both.0, &both.1));
            }
        });
        Self { endpoint, cache: TempDir::new().unwrap(), requests }
    }

    pub(super) fn settings(&self) -> HubSettings {
        let cache = self.cache.path().join("hub");
        HubSettings { endpoint: self.endpoint.clone(), login: None, cache, token: None, offline: None }
    }

    pub(super) fn hub(&self) -> Hub {
        Hub::new(self.settings()).unwrap()
    }

    /// One that waits little.
    pub(super) fn impatient(&self) -> Hub {
        Hub::with_limits(self.settings(), impatient()).unwrap()
    }

    pub(super) fn offline(&self) -> Hub {
        Hub::new(self.settings().cache_only()).unwrap()
    }

    /// The same cache, and nobody at the address.
    pub(super) fn down(&self) -> Hub {
        Hub::new(HubSettings { endpoint: "http://127.0.0.1:9".into(), ..self.settings() }).unwrap()
    }

    /// Requests so far that match.
    pub(super) fn count(&self, part: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|ask| ask.path.contains(part)).count()
    }

    /// The model's folder in the cache.
    pub(super) fn repo(&self) -> std::path::PathBuf {
        self.cache.path().join("hub/models--owner--model")
    }
}

/// Limits for tests of waiting.
pub(super) fn impatient() -> Limits {
    let silence = std::time::Duration::from_millis(250);
    Limits {
        connect: silence,
        silence,
        answer: silence * 4,
        pause: silence / 50,
        attempts: 3,
        ..Limits::default()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Ask>>, repos: &BTreeMap<String, Answer>, twist: &Twist) {
    let Some(mut ask) = Ask::read(&stream) else { return };
    {
        let mut seen = seen.lock().unwrap();
        ask.before = seen.iter().filter(|other| other.method == ask.method && other.path == ask.path).count();
        seen.push(ask.clone());
    }
    if !twist(&ask, &mut stream) {
        answer(&ask, &mut stream, repos);
    }
}

/// `/api/models/ID/revision/REVISION` or `/[datasets/]ID/resolve/SHA/FILE`.
fn answer(ask: &Ask, stream: &mut TcpStream, repos: &BTreeMap<String, Answer>) {
    if let Some(rest) = ask.path.strip_prefix("/api/") {
        let (id, revision) = rest.split_once("/revision/").unwrap();
        return match repos.get(&format!("{id}@{revision}")) {
            Some(Answer::Files(files)) => {
                let siblings: Vec<_> =
                    files.keys().map(|name| serde_json::json!({"rfilename": name})).collect();
                let info = serde_json::json!({"sha": SHA, "siblings": siblings}).to_string();
                reply(ask, stream, 200, &[], info.as_bytes());
            }
            Some(Answer::Status(status)) => reply(ask, stream, *status, &[], b""),
            None => reply(ask, stream, 404, &[], b""),
        };
    }
    let (id, file) = ask.path[1..].split_once(&format!("/resolve/{SHA}/")).unwrap();
    let file = percent_encoding::percent_decode_str(file).decode_utf8().unwrap();
    let kind = if id.starts_with("datasets/") { "" } else { "models/" };
    let key = format!("{kind}{id}@");
    let content =
        repos.iter().filter(|(name, _)| name.starts_with(&key)).find_map(|(_, answer)| match answer {
            Answer::Files(files) => files.get(&*file),
            Answer::Status(_) => None,
        });
    match content {
        Some(content) => send(ask, stream, &etag(&file, content), content),
        None => reply(ask, stream, 404, &[], b""),
    }
}

/// Sends a file from the byte asked for on.
pub(super) fn send(ask: &Ask, stream: &mut TcpStream, etag: &str, content: &[u8]) {
    let tag = format!("\"{etag}\"");
    let headers = [("ETag", tag.as_str()), ("X-Repo-Commit", SHA)];
    let start = ask
        .headers
        .get("range")
        .and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse::<usize>().ok());
    match start {
        None => reply(ask, stream, 200, &headers, content),
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
            let headers = [&headers[..], &[("Content-Range", &range)]].concat();
            reply(ask, stream, 206, &headers, &content[start..]);
        }
    }
}
