//! The server: a thread for each connection, one request for each connection.

use std::{
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    ask::{Ask, reply},
    fault::{Fault, What},
    read,
    shared::{Options, Shared},
    state::{Answer, State},
    write,
};

/// The Hub. It ends with its value.
pub struct LoopbackHub {
    /// Its address.
    pub endpoint: String,
    /// What it was asked so far.
    pub requests: Arc<Mutex<Vec<Ask>>>,
    shared: Arc<Shared>,
}

impl Drop for LoopbackHub {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes whoever waits for a connection.
        let _ = TcpStream::connect(self.endpoint.trim_start_matches("http://"));
    }
}

impl LoopbackHub {
    /// Serves repositories by `models/id@revision` and `datasets/id@revision`.
    pub fn new(repos: &[(&str, Answer)]) -> Self {
        Self::twisted(repos, |_, _| false)
    }

    /// The same, but for what `twist` answers itself.
    pub fn twisted(
        repos: &[(&str, Answer)],
        twist: impl Fn(&Ask, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::start(repos, Options::default(), twist)
    }

    /// The same that behaves otherwise.
    pub fn with(repos: &[(&str, Answer)], options: Options) -> Self {
        Self::start(repos, options, |_, _| false)
    }

    fn start(
        repos: &[(&str, Answer)],
        options: Options,
        twist: impl Fn(&Ask, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared {
            endpoint: endpoint.clone(),
            state: Mutex::new(State::new(repos)),
            options,
            faults: Mutex::default(),
            twist: Box::new(twist),
            over: AtomicBool::new(false),
        });
        let (seen, own) = (requests.clone(), shared.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if own.over.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, shared) = (seen.clone(), own.clone());
                thread::spawn(move || serve(stream, &seen, &shared));
            }
        });
        Self { endpoint, requests, shared }
    }

    /// From now on this goes wrong.
    pub fn fail(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push(fault);
    }

    /// Requests so far that match.
    pub fn count(&self, part: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|ask| ask.path.contains(part)).count()
    }

    /// The requests so far as `METHOD path`, without addresses of large files.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|ask| format!("{} {}", ask.method, ask.path)).collect()
    }

    /// Names and contents of a repository's files, such as `models/owner/name`, at a revision.
    pub fn files(&self, repo: &str, revision: &str) -> Option<Vec<(String, Vec<u8>)>> {
        let state = self.shared.state.lock().unwrap();
        let commit = state.repos.get(repo)?.commit(revision)?;
        Some(commit.files.iter().map(|(name, file)| (name.clone(), file.content.to_vec())).collect())
    }

    /// Whether a repository is there, and whether it is private.
    pub fn is_private(&self, repo: &str) -> Option<bool> {
        self.shared.state.lock().unwrap().repos.get(repo).map(|repo| repo.private)
    }

    /// How many commits a branch has seen since the Hub began.
    pub fn commits(&self, repo: &str) -> usize {
        self.shared.state.lock().unwrap().repos.get(repo).map_or(0, |repo| repo.past.len())
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Ask>>, shared: &Shared) {
    let Ok(mut answers) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    let Some(mut ask) = Ask::read_head(&mut reader) else { return };
    if shared.options.refuses_bodies_over.is_some_and(|limit| ask.length() > limit) {
        note(&mut ask, seen);
        return reply(&ask, &mut answers, 413, &[], b"");
    }
    let fault = shared.fault(&ask);
    let complete = match fault {
        Some(What::Stall) => {
            note(&mut ask, seen);
            // Until the client goes.
            while answers.write_all(b"").is_ok() && !shared.over.load(Ordering::SeqCst) && waits(&answers) {}
            return;
        }
        Some(What::CutRequest) => {
            let half = ask.length() as u64 / 2;
            let _ = std::io::copy(&mut reader.take(half), &mut std::io::sink());
            return note(&mut ask, seen);
        }
        _ => ask.read_body(&mut reader),
    };
    note(&mut ask, seen);
    if complete.is_none() || (shared.twist)(&ask, &mut answers) {
        return;
    }
    let mut answer = Vec::new();
    match fault {
        Some(What::Status(status, retry_after)) => {
            let seconds = retry_after.map(|seconds| seconds.to_string());
            let headers: Vec<_> = seconds.iter().map(|seconds| ("Retry-After", seconds.as_str())).collect();
            reply(&ask, &mut answer, status, &headers, b"{\"error\":\"as told\"}");
        }
        _ => route(&ask, shared, &mut answer),
    }
    match fault {
        Some(What::NoAnswer) => return,
        Some(What::CutAnswer) => answer.truncate(answer.len() / 2 + 1),
        _ => {}
    }
    let pieces = answer.chunks(shared.options.pace.unwrap_or(usize::MAX));
    for piece in pieces {
        if shared.options.pace.is_some() {
            thread::sleep(Duration::from_millis(1));
        }
        if answers.write_all(piece).is_err() {
            return;
        }
    }
}

/// Whether a client is still there, which sends no more than it has sent already.
fn waits(stream: &TcpStream) -> bool {
    thread::sleep(Duration::from_millis(20));
    let _ = stream.set_nonblocking(true);
    let gone = matches!(stream.peek(&mut [0]), Ok(0));
    let _ = stream.set_nonblocking(false);
    !gone
}

fn note(ask: &mut Ask, seen: &Mutex<Vec<Ask>>) {
    let mut seen = seen.lock().unwrap();
    ask.before = seen.iter().filter(|other| other.method == ask.method && other.path == ask.path).count();
    seen.push(ask.clone());
}

fn route(ask: &Ask, shared: &Shared, out: &mut Vec<u8>) {
    match ask.method.as_str() {
        "GET" | "HEAD" => read::answer(ask, shared, out),
        _ if shared.options.read_only => reply(ask, out, 405, &[], b""),
        _ => write::answer(ask, shared, out),
    }
}
