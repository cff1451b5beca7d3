//! Requests to the Hub, each of which ends: silence, loops and refusals become errors, and what may pass is
//! asked again a few times.

use std::{sync::Arc, thread, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use ureq::{
    Agent, Body, RequestBuilder,
    http::{Response, StatusCode},
    typestate::WithBody,
};

use super::{
    HubError, HubSettings,
    links::{host, join, next_page},
};

/// Redirects that are followed.
const REDIRECTS: usize = 10;

/// A response of the Hub or of a host that it named.
pub(super) type Reply = Response<Body>;

/// How long the Hub is waited for. A whole transfer has no limit, only its silences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Until there is a connection.
    pub(super) connect: Duration,
    /// Until the headers are there, and between two pieces of a body.
    pub(super) silence: Duration,
    /// Bytes that must arrive within a `silence`.
    pub(super) trickle: u64,
    /// For an answer that is no file.
    pub(super) answer: Duration,
    /// How often one thing is asked for.
    pub(super) attempts: u32,
    /// Before the second attempt; twice that before the third, and so on.
    pub(super) pause: Duration,
    /// The longest that a server may ask to be left alone; where it asks for more, it is an error.
    pub(super) longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            trickle: 4096,
            answer: Duration::from_secs(60),
            attempts: 4,
            // A fuzzer waits for nobody.
            pause: if cfg!(fuzzing) { Duration::ZERO } else { Duration::from_millis(300) },
            longest_pause: if cfg!(fuzzing) { Duration::ZERO } else { Duration::from_secs(60) },
        }
    }
}

/// Who asks the Hub.
pub(super) struct Client {
    agent: Agent,
    endpoint: String,
    authorization: Option<String>,
    with_token: bool,
    pub(super) limits: Limits,
}

/// How far redirects are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// To the end.
    Everywhere,
    /// On the Hub itself; the answer that leads elsewhere is the last, for it has what the Hub says of the file.
    SameHost,
}

impl Client {
    /// Who asks as `settings` say, within `limits`.
    pub(super) fn new(settings: &HubSettings, limits: Limits) -> Self {
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            // Checksums and sizes are those of the bytes as they are.
            .accept_encoding("identity")
            .user_agent(concat!("gatecheck/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_send_request(Some(limits.silence))
            .timeout_recv_response(Some(limits.silence))
            .timeout_per_read(Some(limits.silence))
            .timeout_per_write(Some(limits.silence))
            .build();
        let login = settings.login.as_ref().map(|login| format!("Basic {}", STANDARD.encode(login)));
        let token = settings.token.as_ref().map(|token| format!("Bearer {token}"));
        Self {
            agent: agent.into(),
            endpoint: settings.endpoint.clone(),
            with_token: token.is_some(),
            authorization: login.or(token),
            limits,
        }
    }

    /// The text at an address.
    pub(super) fn text(&self, what: &str, url: &str) -> Result<String, HubError> {
        self.page(what, url).map(|(text, _)| text)
    }

    /// The text at an address, and where it goes on.
    pub(super) fn page(&self, what: &str, url: &str) -> Result<(String, Option<String>), HubError> {
        let mut reply = self.ask(what, Ask { head: false, from: 0, limit: Some(self.limits.answer) }, url)?;
        let next = header(&reply, "link").and_then(next_page).map(|link| join(url, link));
        let text = reply.body_mut().with_config().limit(64 << 20).read_to_string();
        Ok((text.map_err(|error| self.unreachable(what, error))?, next))
    }

    /// A request with a body, which the Hub may have to think about.
    pub(super) fn sending(&self, method: Method, url: &str) -> RequestBuilder<WithBody> {
        let request = match method {
            Method::Post | Method::PostSigned => self.agent.post(url),
            Method::PutSigned => self.agent.put(url),
        };
        let limit = Some(self.limits.answer);
        let config = request.config().timeout_recv_response(limit).timeout_recv_body(limit);
        let request = config.timeout_per_read(limit).build();
        match self.token_for(url).filter(|_| matches!(method, Method::Post)) {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    fn token_for(&self, url: &str) -> Option<&String> {
        self.authorization.as_ref().filter(|_| self.is_hub(url))
    }

    /// Whether an address is the Hub's own.
    pub(super) fn is_hub(&self, url: &str) -> bool {
        host(url) == host(&self.endpoint)
    }

    /// What the Hub itself says of a file.
    pub(super) fn head(&self, what: &str, url: &str) -> Result<Reply, HubError> {
        let ask = Ask { head: true, from: 0, limit: Some(self.limits.answer) };
        self.follow(what, ask, url, Follow::SameHost)
    }

    /// A file, or the rest of it.
    pub(super) fn file(&self, what: &str, url: &str, from: u64) -> Result<Reply, HubError> {
        self.ask(what, Ask { head: false, from, limit: None }, url)
    }

    fn ask(&self, what: &str, ask: Ask, url: &str) -> Result<Reply, HubError> {
        self.follow(what, ask, url, Follow::Everywhere)
    }

    /// Asks, and where the answer is a redirect, asks there. The token goes to no other host.
    fn follow(&self, what: &str, ask: Ask, url: &str, follow: Follow) -> Result<Reply, HubError> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS {
            let reply = self.send(ask, &url).map_err(|error| self.unreachable(what, error))?;
            if !reply.status().is_redirection() {
                return self.check(what, reply);
            }
            // Such as a 304, which nobody asked for.
            let Some(location) = header(&reply, "location") else { return self.check(what, reply) };
            let next = join(&url, location);
            if follow == Follow::SameHost && !self.is_hub(&next) {
                return Ok(reply);
            }
            url = next;
        }
        Err(self.odd(what, format!("it redirects more than {REDIRECTS} times")))
    }

    fn send(&self, ask: Ask, url: &str) -> Result<Reply, ureq::Error> {
        let mut request = if ask.head { self.agent.head(url) } else { self.agent.get(url) };
        if let Some(value) = self.token_for(url) {
            request = request.header("Authorization", value);
        }
        if ask.from > 0 {
            request = request.header("Range", format!("bytes={}-", ask.from));
        }
        match ask.limit {
            Some(limit) => request.config().timeout_global(Some(limit)).build().call(),
            None => request.call(),
        }
    }

    /// The error that a status means.
    fn check(&self, what: &str, reply: Reply) -> Result<Reply, HubError> {
        let (what, endpoint, status) = (what.to_owned(), self.endpoint.clone(), reply.status());
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(reply),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(HubError::NotFound { what, endpoint }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(HubError::Denied { what, endpoint, status: status.as_u16(), with_token: self.with_token })
            }
            _ => {
                let retry_after = header(&reply, "retry-after").and_then(|value| value.trim().parse().ok());
                Err(HubError::Status { what, endpoint, status: status.as_u16(), retry_after })
            }
        }
    }

    /// Asks again after what may pass; a server that names a time is left alone for that long.
    pub(super) fn retrying<T>(
        &self,
        passes: fn(&HubError) -> bool,
        mut ask: impl FnMut() -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        let mut attempt = 1;
        loop {
            let error = match ask() {
                Err(error) if passes(&error) && attempt < self.limits.attempts => error,
                other => return other,
            };
            let pause = match error {
                HubError::Status { retry_after: Some(seconds), .. } => Duration::from_secs(seconds),
                _ => self.limits.pause * attempt,
            };
            if pause > self.limits.longest_pause {
                return Err(error);
            }
            thread::sleep(pause);
            attempt += 1;
        }
    }

    pub(super) fn unreachable(
        &self,
        what: &str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> HubError {
        let (what, endpoint) = (what.to_owned(), self.endpoint.clone());
        HubError::Unreachable { what, endpoint, source: Arc::new(error) }
    }

    pub(super) fn odd(&self, what: &str, detail: String) -> HubError {
        HubError::Answer { what: what.to_owned(), endpoint: self.endpoint.clone(), detail }
    }
}

/// What is done with a body.
#[derive(Clone, Copy)]
pub(super) enum Method {
    /// Posted with the token, if it is for the Hub.
    Post,
    /// Posted to an address that is good without a token.
    PostSigned,
    /// Put there.
    PutSigned,
}

/// One question.
#[derive(Clone, Copy)]
struct Ask {
    head: bool,
    /// The first byte wanted.
    from: u64,
    /// For all of it, the answer's body included.
    limit: Option<Duration>,
}

/// Whether a server that answered so may answer otherwise a little later.
pub(super) fn is_busy(error: &HubError) -> bool {
    matches!(error, HubError::Status { status: 408 | 425 | 429 | 500 | 502..=504, .. })
}

/// A header's text.
pub(super) fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers().get(name)?.to_str().ok()
}
