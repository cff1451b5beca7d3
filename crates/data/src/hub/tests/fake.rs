//! The Hub of these tests, with a cache beside it.

use std::{net::TcpStream, ops::Deref, time::Duration};

pub(super) use gatecheck_loopback::{Answer, Ask, SHA, etag, files, reply};
use gatecheck_loopback::{LoopbackHub, Options};
use tempfile::TempDir;

use crate::hub::{Hub, HubSettings, client::Limits};

pub(super) struct FakeHub {
    hub: LoopbackHub,
    pub(super) cache: TempDir,
}

impl Deref for FakeHub {
    type Target = LoopbackHub;

    fn deref(&self) -> &LoopbackHub {
        &self.hub
    }
}

impl FakeHub {
    /// Serves repositories by `models/id@revision` and `datasets/id@revision`.
    pub(super) fn new(repos: &[(&str, Answer)]) -> Self {
        Self::with(repos, Options::default())
    }

    /// The same that behaves otherwise.
    pub(super) fn with(repos: &[(&str, Answer)], options: Options) -> Self {
        Self { hub: LoopbackHub::with(repos, options), cache: TempDir::new().unwrap() }
    }

    /// The same, but for what `twist` answers itself.
    pub(super) fn twisted(
        repos: &[(&str, Answer)],
        twist: impl Fn(&Ask, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { hub: LoopbackHub::twisted(repos, twist), cache: TempDir::new().unwrap() }
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

    /// The model's folder in the cache.
    pub(super) fn repo(&self) -> std::path::PathBuf {
        self.cache.path().join("hub/models--owner--model")
    }
}

/// Limits for tests of waiting.
pub(super) fn impatient() -> Limits {
    let silence = Duration::from_millis(250);
    Limits {
        connect: silence,
        silence,
        answer: silence * 4,
        pause: silence / 50,
        attempts: 3,
        ..Limits::default()
    }
}

/// Answers with a file of this tag.
pub(super) fn send(ask: &Ask, stream: &mut TcpStream, etag: &str, content: &[u8]) {
    let tag = format!("\"{etag}\"");
    gatecheck_loopback::send(ask, stream, &[("ETag", &tag), ("X-Repo-Commit", SHA)], content);
}
