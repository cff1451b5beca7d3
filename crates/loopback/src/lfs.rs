//! Large files: git LFS's batch, the host that takes them, whole or in parts, and the word that they are whole.

use gatecheck_base::fs;
use serde_json::json;

use super::{
    ask::{Ask, reply},
    read::{json_reply, refuse},
    shared::Shared,
    state::State,
};

/// Where each file is to go; nowhere if it is there.
pub(crate) fn batch(ask: &Ask, id: &str, state: &State, shared: &Shared, out: &mut Vec<u8>) {
    if !state.repos.contains_key(&format!("models{id}")) {
        return refuse(ask, out, 404, "RepoNotFound", "Repository not found");
    }
    let asked = ask.json();
    let kind = ask.headers.get("content-type").is_some_and(|it| it == "application/vnd.git-lfs+json");
    if !kind || asked["operation"] != "upload" || asked["hash_algo"] != "sha256" {
        return refuse(ask, out, 422, "", "no batch of uploads");
    }
    let mut objects = Vec::new();
    for object in asked["objects"].as_array().into_iter().flatten() {
        let (Some(oid), Some(size)) = (object["oid"].as_str(), object["size"].as_u64()) else {
            return refuse(ask, out, 422, "", "`oid` or `size` is missing");
        };
        let mut told = json!({ "oid": oid, "size": size, "authenticated": true });
        if !state.verified.contains(oid) {
            let verify = json!({ "href": format!("{}/lfs/verify", shared.endpoint) });
            told["actions"] = json!({ "upload": upload(oid, size as usize, shared), "verify": verify });
        }
        objects.push(told);
    }
    let multipart = shared.options.part_bytes.is_some();
    let transfer = if multipart { "multipart" } else { "basic" };
    json_reply(ask, out, 200, &json!({ "transfer": transfer, "objects": objects }));
}

fn upload(oid: &str, size: usize, shared: &Shared) -> serde_json::Value {
    let base = format!("{}/upload/{oid}?X-Signature=1", shared.elsewhere());
    match shared.options.part_bytes {
        Some(part) if size > part => {
            let mut header = json!({ "chunk_size": part.to_string() });
            for number in 1..=size.div_ceil(part) {
                header[format!("{number:05}")] = format!("{base}&partNumber={number}").into();
            }
            let href = format!("{}/complete/{oid}?X-Signature=1", shared.endpoint);
            json!({ "href": href, "header": header })
        }
        _ => json!({ "href": base }),
    }
}

/// The other host takes a file, or a part of it.
pub(crate) fn put(ask: &Ask, sha256: &str, state: &mut State, out: &mut Vec<u8>) {
    let refused = ask.method != "PUT"
        || ask.headers.contains_key("authorization")
        || ask.headers.contains_key("transfer-encoding")
        || ask.query("X-Signature").is_none();
    if refused {
        return reply(ask, out, 400, &[], b"as S3 would");
    }
    let tag = format!("\"{}\"", &fs::sha256(&ask.body)[..32]);
    match ask.query("partNumber").and_then(|number| number.parse().ok()) {
        Some(number) => drop(state.parts.insert((sha256.to_owned(), number), ask.body.clone())),
        None => drop(state.objects.insert(sha256.to_owned(), ask.body.clone().into())),
    }
    reply(ask, out, 200, &[("ETag", &tag)], b"");
}

/// The parts of a file are put together.
pub(crate) fn complete(ask: &Ask, sha256: &str, state: &mut State, out: &mut Vec<u8>) {
    if ask.query("X-Signature").is_none() {
        return refuse(ask, out, 401, "", "not signed");
    }
    let (asked, mut whole) = (ask.json(), Vec::new());
    for (position, part) in asked["parts"].as_array().into_iter().flatten().enumerate() {
        let there = state.parts.get(&(sha256.to_owned(), position + 1));
        let tag = there.map(|part| format!("\"{}\"", &fs::sha256(part)[..32]));
        match there {
            Some(there) if part["etag"].as_str() == tag.as_deref() => whole.extend_from_slice(there),
            _ => return refuse(ask, out, 400, "", "a part is missing or another"),
        }
    }
    state.objects.insert(sha256.to_owned(), whole.into());
    json_reply(ask, out, 200, &json!({ "success": true }));
}

/// A file is compared with what was announced.
pub(crate) fn verify(ask: &Ask, state: &mut State, out: &mut Vec<u8>) {
    let asked = ask.json();
    let (oid, size) = (asked["oid"].as_str().unwrap_or_default(), asked["size"].as_u64());
    match state.objects.get(oid) {
        Some(content) if size == Some(content.len() as u64) && fs::sha256(content) == oid => {
            state.verified.insert(oid.to_owned());
            json_reply(ask, out, 200, &json!({ "success": true }));
        }
        _ => {
            // What is not what it says is not kept.
            state.objects.remove(oid);
            refuse(ask, out, 404, "", "the object is not there, or is another");
        }
    }
}
