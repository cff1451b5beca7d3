//! Uploads that are disturbed: they end right, or end with words, and never leave half of anything.

use std::time::{Duration, Instant};

use gatecheck_loopback::{Fault, Options, What};

use super::{
    fake::impatient,
    upload::{holds, local, on_disk_file, to_repo, writer},
    *,
};
use crate::hub::{
    client::Limits,
    upload::{LocalFile, Upload, UploadError},
};

const COMMIT: &str = "/commit/main";

fn real() -> Options {
    Options { redirects: true, ..Options::default() }
}

/// Uploads to a Hub with this fault.
fn with_fault(
    part_bytes: Option<usize>,
    fault: Fault,
    files: &[LocalFile],
) -> (FakeHub, Result<(), UploadError>) {
    let fake = FakeHub::with(&[], Options { part_bytes, ..real() });
    fake.fail(fault);
    let result = writer(&fake).upload(&to_repo(files), &mut quiet).map(drop);
    (fake, result)
}

#[test]
fn what_passes_is_outlived() {
    let (_folder, files) = local();
    let places = [
        ("GET", "/api/whoami-v2"),
        ("GET", "/revision/main"),
        ("POST", "/api/repos/create"),
        ("GET", "/tree/"),
        ("POST", "/preupload/"),
        ("POST", "/objects/batch"),
        ("PUT", "/upload/"),
        ("POST", "/complete/"),
        ("POST", "/lfs/verify"),
        ("POST", COMMIT),
    ];
    let faults = [
        What::Status(500, None),
        What::Status(503, Some(0)),
        What::Status(429, Some(0)),
        What::CutRequest,
        What::CutAnswer,
        What::NoAnswer,
    ];
    for (method, path) in places {
        for what in &faults {
            let fault = Fault::new(method, path, what.clone(), 2);
            let (fake, result) = with_fault(Some(150_000), fault, &files);
            assert!(result.is_ok(), "{method} {path} {what:?}: {result:?}\n{:#?}", fake.asked());
            holds(&fake, "main", &files);
            assert_eq!(fake.commits("models/someone/new"), 1, "{method} {path} {what:?}");
        }
    }
}

#[test]
fn what_does_not_pass_is_told_and_asked_once() {
    let (_folder, files) = local();
    for (path, status, words) in [
        ("/preupload/", 400, "the names of the files for repository `someone/new` (status 400): as told"),
        ("/objects/batch", 403, "the list of large files for repository `someone/new` (status 403): as told"),
        ("/upload/", 413, "`model.safetensors` for repository `someone/new` (status 413): as told"),
        ("/upload/", 403, "`model.safetensors` for repository `someone/new` (status 403): as told"),
        ("/lfs/verify", 422, "`model.safetensors` for repository `someone/new` (status 422): as told"),
        (COMMIT, 401, "the commit to repository `someone/new` (status 401): as told"),
        (COMMIT, 413, "the commit to repository `someone/new` (status 413): as told"),
    ] {
        let method = if path == "/upload/" { "PUT" } else { "POST" };
        let (fake, result) =
            with_fault(None, Fault::new(method, path, What::Status(status, None), 9), &files);
        let error = result.unwrap_err();
        assert!(error.to_string().ends_with(&format!("refused {words}")), "{error}");
        assert_eq!((fake.count(path), error.kind()), (1, ErrorKind::Usage), "{error}");
        assert_eq!(error.hint().is_some(), [401, 403, 413].contains(&status), "{error}");
        assert_eq!(fake.commits("models/someone/new"), 0);
    }
}

#[test]
fn what_stays_ends_and_the_next_upload_goes_on() {
    let (_folder, files) = local();
    let silence = Duration::from_millis(100);
    for (method, path, what, sent_again) in [
        ("PUT", "/upload/", What::Status(503, None), true),
        ("PUT", "/upload/", What::CutRequest, true),
        ("PUT", "/upload/", What::Stall, true),
        ("POST", "/lfs/verify", What::Stall, true),
        ("POST", COMMIT, What::Status(500, None), false),
        ("POST", COMMIT, What::Stall, false),
    ] {
        let (start, fake) = (Instant::now(), FakeHub::with(&[], real()));
        fake.fail(Fault::new(method, path, what.clone(), 3));
        let settings = HubSettings { token: Some("hf_write".into()), ..fake.settings() };
        let hub = Hub::with_limits(settings, Limits { silence, answer: silence, ..impatient() }).unwrap();
        let error = hub.upload(&to_repo(&files), &mut quiet).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(4), "{what:?}: {:?}", start.elapsed());
        assert_eq!((error.kind(), fake.count(path)), (ErrorKind::Network, 3), "{error}");
        assert_eq!(fake.commits("models/someone/new"), 0);
        let done = writer(&fake).upload(&to_repo(&files), &mut quiet).unwrap();
        assert_eq!(done.sent_bytes > 0, sent_again, "{path} {what:?}");
        holds(&fake, "main", &files);
    }
}

#[test]
fn a_server_that_asks_for_too_long_a_rest_is_not_waited_for() {
    let (_folder, files) = local();
    let (start, fault) = (Instant::now(), Fault::new("POST", COMMIT, What::Status(429, Some(3600)), 9));
    let (fake, result) = with_fault(None, fault, &files);
    let hint = result.unwrap_err().hint().unwrap();
    assert_eq!((hint.as_str(), fake.count(COMMIT)), ("too many requests: wait 3600 s, or set `HF_TOKEN`", 1));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_refusal_before_the_body_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let files = [on_disk_file(folder.path(), "model.safetensors", &vec![7; 4 << 20])];
    // Answers the headers and goes, as proxies do.
    let fake = FakeHub::with(&[], Options { refuses_bodies_over: Some(2 << 20), ..real() });
    let error = writer(&fake).upload(&to_repo(&files), &mut quiet).unwrap_err();
    assert!(error.to_string().contains("(status 413)"), "{error:?}");
    assert_eq!(fake.asked().iter().filter(|ask| ask.starts_with("PUT")).count(), 1);
}

#[test]
fn a_commit_whose_answer_is_lost_is_made_once() {
    let (_folder, files) = local();
    for what in [What::NoAnswer, What::CutAnswer] {
        let (fake, result) = with_fault(None, Fault::new("POST", COMMIT, what, 1), &files);
        assert!(result.is_ok(), "{result:?}");
        assert_eq!((fake.commits("models/someone/new"), fake.count(COMMIT)), (1, 2));
        holds(&fake, "main", &files);
    }
}

#[test]
fn a_pull_request_is_not_opened_twice() {
    let (_folder, files) = local();
    let there = super::files(&[("config.json", "old")]);
    let fake = FakeHub::with(&[("models/someone/new@main", there)], real());
    fake.fail(Fault::new("POST", COMMIT, What::NoAnswer, 1));
    let upload = Upload { pull_request: true, ..to_repo(&files) };
    let error = writer(&fake).upload(&upload, &mut quiet).unwrap_err();
    let expected = "whether the pull request for repository `someone/new` was opened is not known";
    assert_eq!((error.to_string().as_str(), fake.count(COMMIT)), (expected, 1));
    assert!(error.hint().unwrap().contains("/someone/new/discussions"));
}

#[test]
fn somebody_else_s_commit_is_not_overwritten() {
    let (_folder, files) = local();
    let (fake, result) = with_fault(None, Fault::new("POST", COMMIT, What::Status(412, None), 9), &files);
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "repository `someone/new` was changed by somebody else meanwhile");
    assert_eq!((fake.count(COMMIT), error.kind()), (1, ErrorKind::Network));
}

#[test]
fn answers_that_make_no_sense() {
    let (_folder, files) = local();
    let sha = "\"a\": 1";
    for (path, body, words) in [
        ("/preupload/", "{}", "how to send `config.json` is not told"),
        ("/preupload/", "<html>", "expected value"),
        ("/objects/batch", "{\"objects\": []}", "it does not tell of `model.safetensors`"),
        (COMMIT, "{\"commitOid\": \"../../x\"}", "`../../x` is no commit"),
        (COMMIT, sha, "trailing characters"),
    ] {
        let fake = FakeHub::twisted(&[], move |ask, stream| {
            let odd = ask.path.contains(path);
            if odd {
                reply(ask, stream, 200, &[], body.as_bytes());
            }
            odd
        });
        let error = writer(&fake).upload(&to_repo(&files), &mut quiet).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(matches!(error, UploadError::Hub(HubError::Answer { .. })), "{error:?}");
    }
}

#[test]
fn addresses_and_headers_of_a_hub_that_lies() {
    let (_folder, files) = local();
    for upload in [
        serde_json::json!({ "href": "file:///etc/passwd" }),
        serde_json::json!({ "href": 1 }),
        serde_json::json!({ "href": "http://x", "header": { "chunk_size": "0" } }),
        serde_json::json!({ "href": "http://x", "header": { "chunk_size": "100", "1": "http://x" } }),
        serde_json::json!({ "href": "http://x", "header": { "chunk_size": "500000", "1": "gopher://x" } }),
    ] {
        let oid = files[4].sha256.clone();
        let body =
            serde_json::json!({ "objects": [{ "oid": oid, "size": 1, "actions": { "upload": upload } }] });
        let fake = FakeHub::twisted(&[], move |ask, stream| {
            let lies = ask.path.ends_with("/objects/batch");
            if lies {
                reply(ask, stream, 200, &[], body.to_string().as_bytes());
            }
            lies
        });
        let error = writer(&fake).upload(&to_repo(&files), &mut quiet).unwrap_err();
        assert!(matches!(error, UploadError::Hub(HubError::Answer { .. })), "{error:?}");
        assert_eq!(fake.commits("models/someone/new"), 0);
    }
}

#[test]
fn a_hub_that_keeps_something_else_is_found_out() {
    let (_folder, files) = local();
    let fake = FakeHub::twisted(&[], |ask, stream| {
        let lies = ask.path.ends_with(COMMIT);
        if lies {
            reply(ask, stream, 200, &[], format!("{{\"commitOid\": \"{SHA}\"}}").as_bytes());
        }
        let listing = ask.path.contains(&format!("/tree/{SHA}"));
        if listing {
            let body = r#"[{"type": "file", "path": "config.json", "oid": "0", "size": 3}]"#;
            reply(ask, stream, 200, &[], body.as_bytes());
        }
        lies || listing
    });
    let error = writer(&fake).upload(&to_repo(&files), &mut quiet).unwrap_err();
    assert!(
        error.to_string().starts_with("repository `someone/new` has not what was sent in `config.json`, "),
        "{error}"
    );
}
