//! Large files: which they are, which the Hub lacks, and how they get there (git LFS, whole or in parts).

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use gatecheck_base::fs::{FileError, sha256_file};
use serde_json::{Value, json};

use super::{
    error::UploadError,
    remote::Remote,
    request::{Content, LocalFile},
    submit::{self, LFS, Piece, may_pass},
};
use crate::hub::{HubError, client::header, transfer::Observer};

/// Files that the Hub is asked about at once, at most.
const BATCH: usize = 256;
/// Bytes of a file by which the Hub tells text from other content.
const SAMPLE: u64 = 512;
/// Headers that are the client's to set, whatever a server asks for.
const OWN: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "expect"];

impl Remote<'_> {
    /// The files that do not go into the commit themselves, as the Hub says.
    pub(super) fn large<'a>(
        &self,
        files: &[&'a LocalFile],
        pull_request: bool,
    ) -> Result<Vec<&'a LocalFile>, UploadError> {
        let what = format!("the names of the files for {}", self.what);
        let query = if pull_request { "?create_pr=1" } else { "" };
        let url = self.api(&format!("models/{}/preupload/main{query}", self.id));
        let mut large = Vec::new();
        for files in files.chunks(BATCH) {
            let described: Result<Vec<_>, _> = files.iter().map(|file| describe(file)).collect();
            let told = submit::json(self.hub, &what, &url, &json!({ "files": described? }))?;
            for file in files {
                let entries = told["files"].as_array().into_iter().flatten();
                let mode =
                    entries.filter(|entry| entry["path"] == *file.name).map(|it| &it["uploadMode"]).next();
                match mode.and_then(Value::as_str) {
                    // An empty object cannot be stored.
                    Some("lfs") if file.size > 0 => large.push(*file),
                    Some("lfs" | "regular") => {}
                    _ => return Err(self.odd(&what, format!("how to send `{}` is not told", file.name))),
                }
            }
        }
        Ok(large)
    }

    fn odd(&self, what: &str, detail: String) -> UploadError {
        self.hub.client.odd(what, detail).into()
    }

    /// Sends the large files that the Hub lacks, and tells how many bytes they were.
    pub(super) fn send_large(
        &self,
        files: &[&LocalFile],
        observer: Observer<'_>,
    ) -> Result<u64, UploadError> {
        let (mut sent, what) = (0, format!("the list of large files for {}", self.what));
        let url = format!("{}/{}.git/info/lfs/objects/batch", self.hub.settings.endpoint, self.id);
        for file in files {
            // Asked for one at a time: addresses are good for a while only, and a file may take longer.
            let object = json!({ "oid": file.sha256, "size": file.size });
            let asked = json!({ "operation": "upload", "transfers": ["basic", "multipart"], "objects": [object],
                                "hash_algo": "sha256", "ref": { "name": "main" } });
            let told = submit::typed(self.hub, &what, &url, LFS, asked.to_string().as_bytes())?;
            let object = &told["objects"][0];
            if let Some(message) = object["error"]["message"].as_str() {
                let status = object["error"]["code"].as_u64().unwrap_or_default();
                return Err(self.refused(file, status, message).into());
            }
            if object["oid"] != *file.sha256 {
                return Err(self.odd(&what, format!("it does not tell of `{}`", file.name)));
            }
            if object["actions"]["upload"].is_object() {
                self.send_one(file, &object["actions"], observer)?;
                sent += file.size;
            }
        }
        Ok(sent)
    }

    fn refused(&self, file: &LocalFile, status: u64, message: &str) -> HubError {
        let (what, endpoint) = (self.in_words(file), self.hub.settings.endpoint.clone());
        let message = Some(message.chars().take(300).collect());
        HubError::Refused { what, endpoint, status: u16::try_from(status).unwrap_or_default(), message }
    }

    fn in_words(&self, file: &LocalFile) -> String {
        format!("`{}` for {}", file.name, self.what)
    }

    fn send_one(&self, file: &LocalFile, told: &Value, observer: Observer<'_>) -> Result<(), UploadError> {
        let (what, upload) = (self.in_words(file), &told["upload"]);
        let address = self.address(&what, &upload["href"])?;
        let header = upload["header"].as_object().cloned().unwrap_or_default();
        match header.get("chunk_size") {
            None => {
                let headers: Vec<_> = header.iter().filter_map(|(name, value)| own(name, value)).collect();
                let piece = Piece { file, start: 0, length: file.size };
                let mut attempt = || submit::put(self.hub, &what, address, &headers, &piece, &mut *observer);
                self.hub.client.retrying(may_pass, &mut attempt)?;
            }
            Some(size) => {
                let parts = self.send_parts(file, size, &header, observer)?;
                let whole = json!({ "oid": file.sha256, "parts": parts });
                submit::complete(self.hub, &what, address, &whole)?;
            }
        }
        if let Content::Path(path) = &file.content
            && sha256_file(path)? != file.sha256
        {
            return Err(UploadError::Changed { path: path.clone() });
        }
        if told["verify"].is_object() {
            let verify = self.address(&what, &told["verify"]["href"])?;
            submit::json(self.hub, &what, verify, &json!({ "oid": file.sha256, "size": file.size }))?;
        }
        Ok(())
    }

    /// Sends a file in parts, and tells what names each at the other end.
    fn send_parts(
        &self,
        file: &LocalFile,
        size: &Value,
        header: &serde_json::Map<String, Value>,
        observer: Observer<'_>,
    ) -> Result<Vec<Value>, UploadError> {
        let what = self.in_words(file);
        // The Hub writes the number as text.
        let size = size.as_u64().or_else(|| size.as_str()?.parse().ok()).filter(|size| *size > 0);
        let size = size.ok_or_else(|| self.odd(&what, "the size of its parts is no number".to_owned()))?;
        let mut addresses: Vec<(u64, &Value)> =
            header.iter().filter_map(|(name, address)| Some((name.parse().ok()?, address))).collect();
        addresses.sort_by_key(|(number, _)| *number);
        if addresses.len() as u64 != file.size.div_ceil(size) {
            return Err(self.odd(&what, format!("it gives {} addresses for its parts", addresses.len())));
        }
        let mut parts = Vec::new();
        for (position, (_, address)) in addresses.into_iter().enumerate() {
            let (address, start) = (self.address(&what, address)?, position as u64 * size);
            let piece = Piece { file, start, length: size.min(file.size - start) };
            let attempt = || submit::put(self.hub, &what, address, &[], &piece, &mut *observer);
            let reply = self.hub.client.retrying(may_pass, attempt)?;
            let Some(etag) = header_of(&reply) else {
                return Err(self.odd(&what, "a part has no `ETag`".to_owned()));
            };
            parts.push(json!({ "partNumber": position + 1, "etag": etag }));
        }
        Ok(parts)
    }

    /// An address that the Hub gave out.
    fn address<'v>(&self, what: &str, value: &'v Value) -> Result<&'v str, UploadError> {
        let address = value.as_str().filter(|it| it.starts_with("https://") || it.starts_with("http://"));
        address.ok_or_else(|| self.odd(what, format!("`{value}` is no address")))
    }
}

fn header_of(reply: &crate::hub::client::Reply) -> Option<String> {
    header(reply, "etag").map(str::to_owned)
}

/// A header that the Hub wants with a file.
fn own(name: &str, value: &Value) -> Option<(String, String)> {
    let mine = OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
    (!mine).then(|| Some((name.to_owned(), value.as_str()?.to_owned())))?
}

/// Name, size and first bytes of a file.
fn describe(file: &LocalFile) -> Result<Value, FileError> {
    let mut sample = Vec::new();
    match &file.content {
        Content::Bytes(bytes) => sample.extend(bytes.iter().take(SAMPLE as usize)),
        Content::Path(path) => {
            let read = std::fs::File::open(path).and_then(|it| it.take(SAMPLE).read_to_end(&mut sample));
            read.map_err(|error| FileError::new("read", path, error))?;
        }
    }
    Ok(json!({ "path": file.name, "sample": STANDARD.encode(sample), "size": file.size }))
}
