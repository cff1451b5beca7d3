//! Answers to those who change something.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    ask::Ask,
    lfs,
    read::{Role, json_reply, refuse},
    shared::Shared,
    state::{Commit, File, Repo, State, hex_sha1, is_large},
};

/// What a repository begins with.
const ATTRIBUTES: &str = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n";

pub(crate) fn answer(ask: &Ask, shared: &Shared, out: &mut Vec<u8>) {
    let path = ask.plain_path();
    let mut state = shared.state.lock().unwrap();
    // Addresses that the Hub gave out are signed.
    if let Some(sha256) = path.strip_prefix("/upload/") {
        return lfs::put(ask, sha256, &mut state, out);
    }
    if let Some(sha256) = path.strip_prefix("/complete/") {
        return lfs::complete(ask, sha256, &mut state, out);
    }
    if path == "/api/validate-yaml" {
        return json_reply(ask, out, 200, &json!({ "errors": [], "warnings": [] }));
    }
    match Role::of(ask) {
        Role::Nobody | Role::Unknown => return refuse(ask, out, 401, "", "Invalid username or password."),
        Role::Read => return refuse(ask, out, 403, "", "you need a token with write permission"),
        Role::Write => {}
    }
    if path == "/api/repos/create" {
        return create(ask, &mut state, shared, out);
    }
    if let Some(id) = path.strip_suffix(".git/info/lfs/objects/batch") {
        return lfs::batch(ask, id, &state, shared, out);
    }
    if path == "/lfs/verify" {
        return lfs::verify(ask, &mut state, out);
    }
    let step = |word: &str| {
        let (id, revision) = path.strip_prefix("/api/")?.split_once(word)?;
        Some((id.to_owned(), revision.to_owned()))
    };
    if let Some((id, revision)) = step("/preupload/") {
        match state.repos.get(&id) {
            Some(repo) => preupload(ask, repo, &revision, out),
            None => refuse(ask, out, 404, "RepoNotFound", "Repository not found"),
        }
    } else if let Some((id, revision)) = step("/commit/") {
        commit(ask, &id, &revision, &mut state, shared, out);
    } else {
        refuse(ask, out, 404, "", "no such place");
    }
}

/// The owner `other` lets nobody in.
fn create(ask: &Ask, state: &mut State, shared: &Shared, out: &mut Vec<u8>) {
    let asked = ask.json();
    let owner = asked["organization"].as_str().unwrap_or("someone");
    let Some(name) = asked["name"].as_str() else { return refuse(ask, out, 400, "", "`name` is missing") };
    if owner == "other" {
        return refuse(ask, out, 403, "", "You don't have the rights to create a model under this namespace");
    }
    let kind = asked["type"].as_str().unwrap_or("model");
    let (id, url) = (format!("{kind}s/{owner}/{name}"), format!("{}/{owner}/{name}", shared.endpoint));
    if state.repos.contains_key(&id) {
        let message = "You already created this model repo";
        return json_reply(ask, out, 409, &json!({ "error": message, "url": url }));
    }
    let private = asked["visibility"] == "private" || asked["private"] == true;
    let attributes = File::new(".gitattributes", ATTRIBUTES.as_bytes().to_vec());
    let files = [(".gitattributes".to_owned(), attributes)].into();
    let first = Commit { sha: hex_sha1(id.as_bytes()), files };
    let repo = Repo { private, refs: [("main".to_owned(), first)].into(), ..Repo::default() };
    state.repos.insert(id, repo);
    json_reply(ask, out, 200, &json!({ "url": url, "name": format!("{owner}/{name}"), "id": "1" }));
}

/// How each file is to be sent, and what is there of this name.
fn preupload(ask: &Ask, repo: &Repo, revision: &str, out: &mut Vec<u8>) {
    let asked = ask.json();
    let Some(files) = asked["files"].as_array() else {
        return refuse(ask, out, 400, "", "`files` is missing");
    };
    let mut told = Vec::new();
    for file in files {
        let (Some(path), Some(size), Some(sample)) =
            (file["path"].as_str(), file["size"].as_u64(), file["sample"].as_str())
        else {
            return refuse(ask, out, 400, "", "`files` needs `path`, `size` and `sample`");
        };
        let sample = STANDARD.decode(sample).unwrap_or_default();
        let text = std::str::from_utf8(&sample).is_ok_and(|sample| !sample.contains('\0'));
        // A sample may end within a letter.
        let text = text || std::str::from_utf8(&sample).is_err_and(|error| error.error_len().is_none());
        let mode = if is_large(path, size as usize) || !text { "lfs" } else { "regular" };
        let mut entry = json!({ "path": path, "uploadMode": mode, "shouldIgnore": false });
        if let Some((_, there)) = repo.file(revision, path) {
            entry["oid"] = there.oid().into();
        }
        told.push(entry);
    }
    json_reply(ask, out, 200, &json!({ "files": told }));
}

fn commit(ask: &Ask, id: &str, revision: &str, state: &mut State, shared: &Shared, out: &mut Vec<u8>) {
    let Some(repo) = state.repos.get(id) else {
        return refuse(ask, out, 404, "RepoNotFound", "Repository not found");
    };
    let Some(head) = repo.refs.get(revision).cloned() else {
        return refuse(ask, out, 404, "RevisionNotFound", "Invalid rev id");
    };
    let next = match apply(ask, &head, state) {
        Ok(next) => next,
        Err((status, message)) => return refuse(ask, out, status, "", &message),
    };
    let Some(repo) = state.repos.get_mut(id) else { return };
    let page = format!("{}/{}", shared.endpoint, id.trim_start_matches("models/"));
    let mut told = json!({ "success": true, "commitOid": next.sha, "hookOutput": "",
                           "commitUrl": format!("{page}/commit/{}", next.sha) });
    if ask.query("create_pr") == Some("1") {
        repo.pulls += 1;
        told["pullRequestUrl"] = format!("{page}/discussions/{}", repo.pulls).into();
        repo.refs.insert(format!("refs/pr/{}", repo.pulls), next);
    } else {
        repo.past.push(head);
        repo.refs.insert(revision.to_owned(), next);
    }
    json_reply(ask, out, 200, &told);
}

/// The commit that these lines of JSON make of another.
fn apply(ask: &Ask, head: &Commit, state: &State) -> Result<Commit, (u16, String)> {
    if ask.headers.get("content-type").is_none_or(|kind| kind != "application/x-ndjson") {
        return Err((400, "a commit is told as application/x-ndjson".to_owned()));
    }
    let lines: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(&ask.body).into_iter().collect();
    let lines = lines.map_err(|error| (400, error.to_string()))?;
    let mut files = head.files.clone();
    let mut summary = None;
    for line in &lines {
        let (value, path) = (&line["value"], line["value"]["path"].as_str().unwrap_or_default());
        match line["key"].as_str() {
            Some("header") => {
                let parent = value["parentCommit"].as_str();
                if parent.is_some_and(|parent| parent != head.sha) {
                    return Err((
                        412,
                        "A commit has happened since. Please refresh and try again.".to_owned(),
                    ));
                }
                summary = value["summary"].as_str();
            }
            Some("file") if value["encoding"] == "base64" => {
                let content = STANDARD.decode(value["content"].as_str().unwrap_or_default());
                let content = content.map_err(|error| (400, error.to_string()))?;
                files.insert(path.to_owned(), File { content: content.into(), sha256: None });
            }
            Some("lfsFile") if value["algo"] == "sha256" => {
                let sha256 = value["oid"].as_str().unwrap_or_default();
                let object = state.objects.get(sha256).filter(|_| state.verified.contains(sha256));
                let content = object.filter(|it| value["size"].as_u64().is_none_or(|s| s == it.len() as u64));
                let Some(content) = content else {
                    let message = "Your push was rejected because an LFS pointer pointed to a file that does not exist.";
                    return Err((400, message.to_owned()));
                };
                files.insert(
                    path.to_owned(),
                    File { content: content.clone(), sha256: Some(sha256.to_owned()) },
                );
            }
            Some("deletedFile") => drop(files.remove(path)),
            other => return Err((400, format!("no operation: {other:?}"))),
        }
    }
    let Some(summary) = summary else { return Err((400, "no summary".to_owned())) };
    let all: Vec<_> = files.iter().map(|(name, file)| format!("{name} {}", file.oid())).collect();
    let sha = hex_sha1(format!("{} {summary} {}", head.sha, all.join(" ")).as_bytes());
    Ok(Commit { sha, files })
}
