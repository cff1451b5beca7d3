//! Answers that are no files: statuses and redirects.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    fake::{etag, impatient},
    *,
};

/// The error, when every request for the weights is answered so, and how many there were.
fn refused(status: u16, headers: &'static [(&str, &str)]) -> (HubError, usize) {
    let fake = FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
        let is_file = ask.is_of("model.safetensors");
        if is_file {
            reply(ask, stream, status, headers, b"words of the server");
        }
        is_file
    });
    let error = snapshot(&fake.impatient()).unwrap_err();
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    (error, fake.count("model.safetensors"))
}

#[test]
fn refusals_are_final_and_troubles_are_not() {
    for (status, requests, kind, words) in [
        (401, 1, ErrorKind::Usage, "refused access"),
        (403, 1, ErrorKind::Usage, "refused access"),
        (404, 1, ErrorKind::Usage, "was not found"),
        (410, 1, ErrorKind::Usage, "was not found"),
        (451, 1, ErrorKind::Network, "answered status 451"),
        (416, 3, ErrorKind::Network, "answered status 416"),
        (429, 3, ErrorKind::Network, "answered status 429"),
        (500, 3, ErrorKind::Network, "answered status 500"),
        (503, 3, ErrorKind::Network, "answered status 503"),
        // Nobody asked whether anything had changed; it leads nowhere.
        (304, 1, ErrorKind::Network, "answered status 304"),
        (302, 1, ErrorKind::Network, "answered status 302"),
    ] {
        let (error, asked) = refused(status, &[]);
        assert_eq!((asked, error.kind()), (requests, kind), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(words) && text.contains("`model.safetensors` of model `owner/model`"),
            "{text}"
        );
    }
}

#[test]
fn a_server_that_asks_for_too_long_a_rest_is_not_waited_for() {
    let start = Instant::now();
    let (error, asked) = refused(429, &[("Retry-After", "3600")]);
    assert_eq!(
        (asked, error.hint().unwrap().as_str()),
        (1, "too many requests: wait 3600 s, or set `HF_TOKEN`")
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_busy_hub_is_left_alone_for_as_long_as_it_asks() {
    let fake = FakeHub::twisted(&[("models/owner/model@main", model())], |ask, stream| {
        let busy = ask.before == 0 && (ask.path.starts_with("/api/") || ask.gets("model.safetensors"));
        if busy {
            let status = if ask.path.starts_with("/api/") { 503 } else { 429 };
            let seconds = if status == 503 { "0" } else { "1" };
            reply(ask, stream, status, &[("Retry-After", seconds)], b"");
        }
        busy
    });
    let start = Instant::now();
    assert!(snapshot(&fake.impatient()).is_ok());
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn loops_of_redirects_end() {
    let fake = FakeHub::twisted(&[], |ask, stream| {
        reply(ask, stream, 302, &[("Location", &ask.path)], b"");
        true
    });
    let error = snapshot(&fake.impatient()).unwrap_err();
    assert!(
        error.to_string().ends_with("for model `owner/model`: it redirects more than 10 times"),
        "{error}"
    );
    assert_eq!((fake.count(""), error.kind()), (11, ErrorKind::Network));
    let (error, asked) = refused(307, &[("Location", "model.safetensors")]);
    assert!(error.to_string().contains("redirects more than 10 times"), "{error}");
    assert_eq!(asked, 11);
}

/// A host with the weights' bytes, whatever it is asked for, and what it was told of who asks.
fn elsewhere() -> (FakeHub, Arc<AtomicUsize>) {
    let with_token = Arc::new(AtomicUsize::new(0));
    let seen = with_token.clone();
    let host = FakeHub::twisted(&[], move |ask, stream| {
        seen.fetch_add(usize::from(ask.headers.contains_key("authorization")), Ordering::SeqCst);
        reply(ask, stream, 200, &[("ETag", "\"of-another-host\"")], b"weights weights weights");
        true
    });
    (host, with_token)
}

#[test]
fn the_token_stays_with_the_hub() {
    let (host, with_token) = elsewhere();
    let address = format!("{}/bytes?X-Signature=1", host.endpoint);
    for size in [Some("23"), None] {
        let address = address.clone();
        let fake = FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
            let tag = etag("model.safetensors", b"weights weights weights");
            let mut headers = vec![("X-Repo-Commit", SHA), ("ETag", "\"small\""), ("X-Linked-Etag", &tag)];
            headers.extend(size.map(|size| ("X-Linked-Size", size)));
            match ask.path.as_str() {
                "/moved" => reply(ask, stream, 302, &[&headers[..], &[("Location", &address)]].concat(), b""),
                _ if ask.is_of("model.safetensors") => {
                    reply(ask, stream, 307, &[("Location", "/moved")], b"");
                }
                _ => return false,
            }
            true
        });
        let settings = HubSettings { token: Some("hf_secret".into()), ..fake.settings() };
        let folder = snapshot(&Hub::with_limits(settings, impatient()).unwrap()).unwrap().folder;
        assert_eq!(fs::read(&folder.join("model.safetensors")).unwrap(), b"weights weights weights");
        let said: BTreeSet<_> =
            fake.requests.lock().unwrap().iter().map(|ask| ask.headers["authorization"].clone()).collect();
        assert_eq!(said, ["Bearer hf_secret".to_owned()].into());
    }
    assert_eq!((host.count("/bytes"), with_token.load(Ordering::SeqCst)), (3, 0));
}

#[test]
fn name_and_password_of_the_address_are_used_and_not_shown() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let variables = |name: &str| match name {
        "HF_ENDPOINT" => Some(fake.endpoint.replace("http://", "http://someone:pass%3Aword@")),
        "HF_TOKEN" => Some("hf_secret".to_owned()),
        "HF_HUB_CACHE" => Some(fake.cache.path().to_str().unwrap().to_owned()),
        _ => None,
    };
    let hub = Hub::new(HubSettings::from_lookup(variables)).unwrap();
    assert!(snapshot(&hub).is_ok());
    let asks = fake.requests.lock().unwrap().clone();
    // base64 of `someone:pass:word`
    assert!(
        asks.iter().all(|ask| ask.headers["authorization"] == "Basic c29tZW9uZTpwYXNzOndvcmQ="),
        "{asks:?}"
    );
    let error = hub.model_snapshot("owner/nothing", None, companions, &mut quiet).unwrap_err();
    assert_eq!(error.to_string(), format!("model `owner/nothing` was not found on {}", fake.endpoint));
    assert!(!format!("{error:?}{:?}", hub.settings).contains("word"));
}

#[test]
fn an_address_without_a_scheme_is_refused() {
    let fake = FakeHub::new(&[]);
    let settings = HubSettings { endpoint: "mirror:8080".into(), ..fake.settings() };
    let error = Hub::new(settings.clone()).err().unwrap();
    assert_eq!(error.to_string(), "`HF_ENDPOINT` is no http or https address: `mirror:8080`");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(Hub::new(settings.cache_only()).is_ok());
}
