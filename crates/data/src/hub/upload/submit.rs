//! Requests that bring something, and what their answers mean.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
    time::{Duration, Instant},
};

use gatecheck_base::fs::FileError;
use serde_json::Value;
use ureq::SendBody;

use super::request::{Content, LocalFile};
use crate::hub::{
    Hub, HubError,
    client::{Limits, Method, Reply, header, is_busy},
    transfer::{Observer, Progress},
};

/// Longest part of a server's words that is passed on.
const WORDS: usize = 300;
/// From this size on the server is asked first whether it wants a body, and can refuse it without taking it.
const ASK_FIRST: u64 = 1 << 20;

/// Whether another attempt to send may succeed.
pub(super) fn may_pass(error: &HubError) -> bool {
    is_busy(error) || matches!(error, HubError::Unsent { .. } | HubError::Unreachable { .. })
}

/// The type of git LFS's requests.
pub(super) const LFS: &str = "application/vnd.git-lfs+json";

/// Posts JSON, and reads the answer's.
pub(super) fn json(hub: &Hub, what: &str, url: &str, body: &Value) -> Result<Value, HubError> {
    typed(hub, what, url, "application/json", body.to_string().as_bytes())
}

/// Posts bytes of some type, and reads the answer's JSON.
pub(super) fn typed(hub: &Hub, what: &str, url: &str, kind: &str, body: &[u8]) -> Result<Value, HubError> {
    hub.client.retrying(may_pass, || once(hub, what, url, kind, body))
}

/// The same with one attempt.
pub(super) fn once(hub: &Hub, what: &str, url: &str, kind: &str, body: &[u8]) -> Result<Value, HubError> {
    post(hub, what, (Method::Post, url), kind, body)
}

/// Tells an address that the Hub gave out that all parts of a file have arrived there.
pub(super) fn complete(hub: &Hub, what: &str, url: &str, parts: &Value) -> Result<Value, HubError> {
    let body = parts.to_string();
    let post = || post(hub, what, (Method::PostSigned, url), LFS, body.as_bytes());
    hub.client.retrying(may_pass, post)
}

fn post(
    hub: &Hub,
    what: &str,
    (method, url): (Method, &str),
    kind: &str,
    body: &[u8],
) -> Result<Value, HubError> {
    let mut request = hub.client.sending(method, url).header("Content-Type", kind);
    if kind == LFS {
        request = request.header("Accept", kind);
    }
    let reply = request.send(body).map_err(|error| unsent(hub, what, error))?;
    let mut reply = checked(hub, what, reply)?;
    let text = reply.body_mut().with_config().limit(64 << 20).read_to_string();
    let text = text.map_err(|error| unsent(hub, what, error))?;
    // Verifying and completing may be answered with nothing.
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).map_err(|error| hub.client.odd(what, error.to_string()))
}

/// A part of a file, on its way.
pub(super) struct Piece<'a> {
    pub(super) file: &'a LocalFile,
    pub(super) start: u64,
    pub(super) length: u64,
}

/// Sends a part of a file to an address that the Hub gave out. One attempt.
pub(super) fn put(
    hub: &Hub,
    what: &str,
    url: &str,
    headers: &[(String, String)],
    piece: &Piece<'_>,
    observer: Observer<'_>,
) -> Result<Reply, HubError> {
    let mut request =
        hub.client.sending(Method::PutSigned, url).header("Content-Length", piece.length.to_string());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if piece.length >= ASK_FIRST {
        request = request.header("Expect", "100-continue");
    }
    let mut reader = Sent::new(piece, &hub.client.limits, observer)?;
    let sent = request.send(SendBody::from_reader(&mut reader));
    match (sent, reader.failed) {
        (_, Some(error)) => Err(error.into()),
        (Ok(reply), None) => checked(hub, what, reply),
        (Err(error), None) => Err(unsent(hub, what, error)),
    }
}

fn unsent(hub: &Hub, what: &str, error: ureq::Error) -> HubError {
    let (what, endpoint) = (what.to_owned(), hub.settings.endpoint.clone());
    HubError::Unsent { what, endpoint, source: Arc::new(error) }
}

/// The error that a status means.
fn checked(hub: &Hub, what: &str, mut reply: Reply) -> Result<Reply, HubError> {
    let status = reply.status();
    if status.is_success() {
        return Ok(reply);
    }
    let (what, endpoint, status) = (what.to_owned(), hub.settings.endpoint.clone(), status.as_u16());
    let retry_after = header(&reply, "retry-after").and_then(|value| value.trim().parse().ok());
    let busy = HubError::Status { what: what.clone(), endpoint: endpoint.clone(), status, retry_after };
    Err(match status {
        404 | 410 => HubError::NotFound { what, endpoint },
        _ if status >= 500 || is_busy(&busy) => busy,
        _ => HubError::Refused { what, endpoint, status, message: words(&mut reply) },
    })
}

/// What a server says of its refusal.
fn words(reply: &mut Reply) -> Option<String> {
    let told = header(reply, "x-error-message").map(str::to_owned).or_else(|| {
        let text = reply.body_mut().with_config().limit(1 << 16).read_to_string().ok()?;
        let json: Value = serde_json::from_str(&text).ok()?;
        json["error"].as_str().or(json["message"].as_str()).map(str::to_owned)
    });
    let told = told.map(|words| words.trim().chars().take(WORDS).collect::<String>());
    told.filter(|words| !words.is_empty())
}

/// A file as it goes out: told to whoever watches, and no slower than a trickle.
struct Sent<'a> {
    source: Box<dyn Read + 'a>,
    name: &'a str,
    sent: u64,
    total: u64,
    silence: Duration,
    trickle: u64,
    since: Instant,
    lately: u64,
    observer: Observer<'a>,
    /// Why the file could not be read, for the connection's error says nothing of it.
    failed: Option<FileError>,
}

impl<'a> Sent<'a> {
    fn new(piece: &Piece<'a>, limits: &Limits, observer: Observer<'a>) -> Result<Self, FileError> {
        let source: Box<dyn Read> = match &piece.file.content {
            Content::Path(path) => {
                let mut file = File::open(path).map_err(|error| FileError::new("open", path, error))?;
                let found = file.seek(SeekFrom::Start(piece.start));
                found.map_err(|error| FileError::new("read", path, error))?;
                Box::new(file.take(piece.length))
            }
            Content::Bytes(bytes) => {
                let rest = bytes.get(piece.start as usize..).unwrap_or_default();
                Box::new(rest.take(piece.length))
            }
        };
        let (silence, trickle) = (limits.silence, limits.trickle);
        let (name, sent, total) = (piece.file.name.as_str(), piece.start, piece.file.size);
        let since = Instant::now();
        Ok(Self { source, name, sent, total, silence, trickle, since, lately: 0, observer, failed: None })
    }
}

impl Read for Sent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.elapsed() > self.silence {
            if self.lately < self.trickle {
                let slow = format!("{} bytes in {} s", self.lately, self.since.elapsed().as_secs());
                return Err(io::Error::other(slow));
            }
            (self.since, self.lately) = (Instant::now(), 0);
        }
        let count = match self.source.read(buffer) {
            Ok(count) => count,
            Err(error) => {
                let copy = io::Error::from(error.kind());
                self.failed = Some(FileError::new("read", self.name.as_ref(), error));
                return Err(copy);
            }
        };
        self.sent += count as u64;
        self.lately += count as u64;
        (self.observer)(Progress { file: self.name, received: self.sent, total: self.total });
        Ok(count)
    }
}
