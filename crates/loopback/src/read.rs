//! Answers to those who look.

use serde_json::{Value, json};

use super::{
    ask::{Ask, reply, send},
    shared::Shared,
    state::{Commit, File, Repo, State},
};

/// Who asks, by the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Nobody,
    /// A token that the Hub does not know: one with `unknown` in it.
    Unknown,
    /// One with `read` in it.
    Read,
    Write,
}

impl Role {
    pub(crate) fn of(ask: &Ask) -> Self {
        match ask.headers.get("authorization") {
            None => Self::Nobody,
            Some(token) if token.contains("unknown") => Self::Unknown,
            Some(token) if token.contains("read") => Self::Read,
            Some(_) => Self::Write,
        }
    }
}

pub(crate) fn json_reply(ask: &Ask, out: &mut Vec<u8>, status: u16, body: &Value) {
    reply(
        ask,
        out,
        status,
        &[("Content-Type", "application/json; charset=utf-8")],
        body.to_string().as_bytes(),
    );
}

/// An error as the Hub tells it; clients go by the header.
pub(crate) fn refuse(ask: &Ask, out: &mut Vec<u8>, status: u16, code: &str, message: &str) {
    let body = json!({ "error": message }).to_string();
    let headers = [("X-Error-Code", code), ("X-Error-Message", message)];
    let given = if code.is_empty() { &headers[1..] } else { &headers[..] };
    reply(ask, out, status, given, body.as_bytes());
}

pub(crate) fn answer(ask: &Ask, shared: &Shared, out: &mut Vec<u8>) {
    let path = ask.plain_path();
    let state = shared.state.lock().unwrap();
    if path == "/api/whoami-v2" {
        return whoami(ask, out);
    }
    if let Some(sha256) = path.strip_prefix("/cdn/") {
        // Signed addresses take no token beside the signature.
        return match state.objects.get(sha256) {
            _ if ask.headers.contains_key("authorization") => reply(ask, out, 400, &[], b"token"),
            Some(content) => send(ask, out, &[("ETag", &format!("\"{sha256}\""))], content),
            None => reply(ask, out, 404, &[], b""),
        };
    }
    match path.strip_prefix("/api/") {
        Some(rest) => api(ask, rest, &state, shared, out),
        None => resolve(ask, &path, &state, shared, out),
    }
}

fn whoami(ask: &Ask, out: &mut Vec<u8>) {
    let role = match Role::of(ask) {
        Role::Nobody | Role::Unknown => {
            return refuse(ask, out, 401, "", "Invalid username or password.");
        }
        Role::Read => "read",
        Role::Write => "write",
    };
    let token = json!({ "displayName": "a token", "role": role, "createdAt": "2025-01-01T00:00:00.000Z" });
    let auth = json!({ "type": "access_token", "accessToken": token });
    let body = json!({ "type": "user", "id": "1", "name": "someone", "fullname": "Some One", "isPro": false,
                       "orgs": [], "auth": auth });
    json_reply(ask, out, 200, &body);
}

/// `models/owner/name` and what follows it.
fn split(rest: &str) -> Option<(String, &str)> {
    let mut slashes = rest.match_indices('/').map(|(at, _)| at);
    let end = slashes.nth(2).unwrap_or(rest.len());
    // Old names have no owner.
    let words = ["/revision/", "/tree/"];
    let end = words.iter().filter_map(|word| rest.find(word)).min().map_or(end, |at| at.min(end));
    rest.contains('/').then(|| (rest[..end].to_owned(), &rest[end..]))
}

/// A repository that this client may see.
fn visible<'a>(ask: &Ask, state: &'a State, id: &str) -> Option<&'a Repo> {
    let may = |repo: &&Repo| !repo.private || matches!(Role::of(ask), Role::Read | Role::Write);
    state.repos.get(id).filter(may)
}

fn not_found(ask: &Ask, out: &mut Vec<u8>) {
    match Role::of(ask) {
        // Whether it is there is nobody's business but the owner's.
        Role::Unknown => refuse(ask, out, 401, "", "Invalid credentials in Authorization header"),
        _ => refuse(ask, out, 404, "RepoNotFound", "Repository not found"),
    }
}

fn api(ask: &Ask, rest: &str, state: &State, shared: &Shared, out: &mut Vec<u8>) {
    let Some((id, rest)) = split(rest) else { return reply(ask, out, 404, &[], b"") };
    let Some(repo) = visible(ask, state, &id) else { return not_found(ask, out) };
    if rest == "/parquet" {
        return parquet(ask, &id, repo, shared, out);
    }
    if let Some(file) = rest.strip_prefix("/parquet/") {
        return parquet_file(ask, &id, repo, file, shared, out);
    }
    if rest == "/refs" {
        let branches: Vec<_> = repo.refs.iter().filter(|(name, _)| !name.starts_with("refs/")).collect();
        let entry = |(name, commit): &(&String, &Commit)| json!({ "name": name, "ref": format!("refs/heads/{name}"), "targetCommit": commit.sha });
        let branches: Vec<_> = branches.iter().map(entry).collect();
        return json_reply(ask, out, 200, &json!({ "branches": branches, "converts": [], "tags": [] }));
    }
    let tree = rest.strip_prefix("/tree/");
    let revision = tree.or_else(|| rest.strip_prefix("/revision/")).unwrap_or("main");
    if let Some(status) = repo.statuses.get(revision) {
        return reply(ask, out, *status, &[], b"");
    }
    let Some(commit) = repo.commit(revision) else {
        return refuse(ask, out, 404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
    };
    if tree.is_some() {
        return listing(ask, commit, shared, out);
    }
    let siblings: Vec<_> = commit.files.keys().map(|name| json!({ "rfilename": name })).collect();
    let id = id.trim_start_matches("models/").trim_start_matches("datasets/");
    let body = json!({ "_id": "1", "id": id, "modelId": id, "sha": commit.sha, "private": repo.private,
                       "gated": false, "disabled": false, "tags": [], "siblings": siblings });
    json_reply(ask, out, 200, &body);
}

/// The files of a commit, a page at a time.
fn listing(ask: &Ask, commit: &Commit, shared: &Shared, out: &mut Vec<u8>) {
    let entries: Vec<_> = commit.files.iter().map(|(name, file)| file.entry(name)).collect();
    let start: usize = ask.query("cursor").and_then(|at| at.parse().ok()).unwrap_or(0);
    let end = entries.len().min(start + shared.options.page.unwrap_or(1000));
    let body = Value::from(entries[start.min(end)..end].to_vec()).to_string();
    let path = ask.path.split('?').next().unwrap_or_default();
    let next = format!("<{}{path}?recursive=true&cursor={end}>; rel=\"next\"", shared.endpoint);
    let headers = [("Content-Type", "application/json"), ("Link", next.as_str())];
    reply(ask, out, 200, if end < entries.len() { &headers } else { &headers[..1] }, body.as_bytes());
}

/// `{"subset": {"split": [address, …]}}`.
fn parquet(ask: &Ask, id: &str, repo: &Repo, shared: &Shared, out: &mut Vec<u8>) {
    let mut listing = json!({});
    let files = repo.commit("refs/convert/parquet").into_iter().flat_map(|commit| commit.files.keys());
    for name in files {
        let parts: Vec<_> = name.split('/').collect();
        let [subset, split, file] = parts[..] else { continue };
        let number = file.trim_end_matches(".parquet").parse().unwrap_or(0_usize);
        let url = format!("{}/api/{id}/parquet/{subset}/{split}/{number}.parquet", shared.endpoint);
        let list = &mut listing[subset][split];
        match list.as_array_mut() {
            Some(list) => list.push(url.into()),
            None => *list = json!([url]),
        }
    }
    json_reply(ask, out, 200, &listing);
}

/// Where the file of `subset/split/number.parquet` is.
fn parquet_file(ask: &Ask, id: &str, repo: &Repo, file: &str, shared: &Shared, out: &mut Vec<u8>) {
    let Some((folder, number)) = file.trim_end_matches(".parquet").rsplit_once('/') else {
        return reply(ask, out, 404, &[], b"");
    };
    let name = format!("{folder}/{number:0>4}.parquet");
    if repo.file("refs/convert/parquet", &name).is_none() {
        return refuse(ask, out, 404, "EntryNotFound", "Entry not found");
    }
    let location = format!("{}/{id}/resolve/refs%2Fconvert%2Fparquet/{name}", shared.endpoint);
    reply(ask, out, 302, &[("Location", &location)], b"");
}

/// `/[datasets/]ID/resolve/REVISION/FILE`.
fn resolve(ask: &Ask, path: &str, state: &State, shared: &Shared, out: &mut Vec<u8>) {
    let Some((id, rest)) = path[1..].split_once("/resolve/") else { return reply(ask, out, 404, &[], b"") };
    let id = if id.starts_with("datasets/") { id.to_owned() } else { format!("models/{id}") };
    let Some(repo) = visible(ask, state, &id) else { return not_found(ask, out) };
    // Revisions have slashes too.
    let mut ends = rest.match_indices('/').map(|(at, _)| at);
    let found = ends.find_map(|at| repo.file(&rest[..at], &rest[at + 1..]));
    match found {
        Some((commit, file)) => resolved(ask, commit, file, shared, out),
        None => refuse(ask, out, 404, "EntryNotFound", "Entry not found"),
    }
}

fn resolved(ask: &Ask, commit: &Commit, file: &File, shared: &Shared, out: &mut Vec<u8>) {
    let (tag, size) = (format!("\"{}\"", file.oid()), file.content.len().to_string());
    let both = [("ETag", tag.as_str()), ("X-Repo-Commit", commit.sha.as_str())];
    match &file.sha256 {
        Some(sha256) if shared.options.redirects => {
            let location = format!("{}/cdn/{sha256}", shared.elsewhere());
            let linked = [("X-Linked-Etag", tag.as_str()), ("X-Linked-Size", &size), ("Location", &location)];
            reply(ask, out, 302, &[&both[1..], &linked].concat(), b"");
        }
        _ => send(ask, out, &both, &file.content),
    }
}
