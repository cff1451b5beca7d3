//! One file from the Hub into the cache.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    time::Instant,
};

use gatecheck_base::fs::FileError;
use ureq::http::StatusCode;

use super::{
    HubError,
    client::{Client, Reply, header},
    names,
    store::{Announced, Part, Store},
};

/// How far one download has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name in its repository.
    pub file: &'a str,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What is told of progress, called often.
pub(super) type Observer<'a> = &'a mut dyn FnMut(Progress<'_>);

/// Where a file is, on the Hub and in the cache.
pub(super) struct Transfer<'a> {
    pub(super) client: &'a Client,
    pub(super) store: &'a Store,
    /// The file in words.
    pub(super) what: String,
    pub(super) url: String,
    pub(super) commit: &'a str,
    pub(super) file: &'a str,
}

impl Transfer<'_> {
    /// Brings the file into the cache, unless its bytes are there already.
    pub(super) fn run(&self, observer: Observer<'_>) -> Result<(), HubError> {
        let announced = self.announced()?;
        let blob = self.store.blob(&announced.etag);
        // Somebody's blob, which may have been put there without a check.
        if announced.verify(&blob).is_err() {
            let part = self.store.stage(&announced, self.client.limits.silence)?;
            if announced.verify(&blob).is_err() {
                self.fill(&part, &announced, observer)?;
                self.store.keep(part, &announced.etag)?;
            }
        }
        Ok(self.store.link(self.commit, self.file, &announced.etag)?)
    }

    /// What the Hub says of the file. Its tag becomes a name in the cache.
    fn announced(&self) -> Result<Announced, HubError> {
        let reply = self.client.head(&self.what, &self.url)?;
        let missing =
            |name: &str| self.client.odd(&self.what, format!("header `{name}` is missing or malformed"));
        let commit = header(&reply, "x-repo-commit").ok_or_else(|| missing("X-Repo-Commit"))?;
        if commit != self.commit {
            let detail = format!("it is from commit `{commit}`, not `{}`", self.commit);
            return Err(HubError::Damaged { what: self.what.clone(), detail });
        }
        let etag = header(&reply, "x-linked-etag").or_else(|| header(&reply, "etag"));
        let etag = etag.ok_or_else(|| missing("ETag"))?;
        let etag = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"').to_owned();
        if !names::is_tag(&etag) {
            return Err(HubError::Unsafe { what: self.what.clone(), file: etag });
        }
        let size = match header(&reply, "x-linked-size") {
            Some(size) => size.parse().ok(),
            None if reply.status().is_redirection() => self.size_elsewhere()?,
            None => header(&reply, "content-length").and_then(|size| size.parse().ok()),
        };
        let size = size.ok_or_else(|| missing("Content-Length"))?;
        Ok(Announced { what: self.what.clone(), etag, size })
    }

    /// The size, from the host that has the bytes.
    fn size_elsewhere(&self) -> Result<Option<u64>, HubError> {
        let reply = self.client.file(&self.what, &self.url, 0)?;
        Ok(header(&reply, "content-length").and_then(|size| size.parse().ok()))
    }

    /// Downloads what a part lacks, and checks the whole.
    fn fill(&self, part: &Part, announced: &Announced, observer: Observer<'_>) -> Result<(), HubError> {
        let failed = |error| FileError::new("write", &part.path, error);
        let file = OpenOptions::new().append(true).create(true).open(&part.path).map_err(failed)?;
        let mut there = file.metadata().map_err(failed)?.len();
        if there > announced.size {
            there = 0;
        }
        if there < announced.size || announced.size == 0 {
            let reply = self.client.file(&self.what, &self.url, there);
            let reply = reply.inspect_err(|error| discard_after(error, part))?;
            there = Self::start_of(&reply, announced, there).inspect_err(|_| part.discard())?;
            cut(&file, there).map_err(failed)?;
            let receiver = Receiver { transfer: self, announced, path: &part.path, file };
            receiver.receive(reply, there, observer).inspect_err(|error| discard_after(error, part))?;
        }
        announced.verify(&part.path).inspect_err(|_| part.discard())
    }

    /// The byte that an answer begins with: what was asked for, or the first.
    fn start_of(reply: &Reply, announced: &Announced, asked: u64) -> Result<u64, HubError> {
        if reply.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(0);
        }
        let range = header(reply, "content-range").and_then(|range| range.trim().strip_prefix("bytes "));
        let start = range.and_then(|range| range.split('-').next()?.parse().ok());
        let start = start.filter(|start| *start == asked);
        start.ok_or_else(|| announced.damaged(format!("it does not begin at byte {asked}, as asked for")))
    }
}

/// Shortens a file, if it has to be.
fn cut(file: &File, length: u64) -> io::Result<()> {
    if file.metadata()?.len() == length { Ok(()) } else { file.set_len(length) }
}

/// What is there is of no use when it is wrong, or when the Hub has nothing to add to it.
fn discard_after(error: &HubError, part: &Part) {
    if matches!(error, HubError::Damaged { .. } | HubError::Status { status: 416, .. }) {
        part.discard();
    }
}

/// Takes a body into a part.
struct Receiver<'a> {
    transfer: &'a Transfer<'a>,
    announced: &'a Announced,
    path: &'a Path,
    file: File,
}

impl Receiver<'_> {
    fn receive(mut self, reply: Reply, mut received: u64, observer: Observer<'_>) -> Result<(), HubError> {
        let client = self.transfer.client;
        let mut body = reply.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        let (mut since, mut lately) = (Instant::now(), 0);
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(client.unreachable(&self.transfer.what, error)),
            };
            received += count as u64;
            if received > self.announced.size {
                let detail = format!("more than the {} bytes announced", self.announced.size);
                return Err(self.announced.damaged(detail));
            }
            let written = self.file.write_all(&buffer[..count]);
            written.map_err(|error| FileError::new("write", self.path, error))?;
            observer(Progress { file: self.transfer.file, received, total: self.announced.size });
            lately += count as u64;
            if since.elapsed() > client.limits.silence {
                if lately < client.limits.trickle {
                    let slow = format!("{lately} bytes in {} s", since.elapsed().as_secs());
                    return Err(client.unreachable(&self.transfer.what, io::Error::other(slow)));
                }
                (since, lately) = (Instant::now(), 0);
            }
        }
    }
}
