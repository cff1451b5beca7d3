//! A Hub that lies: nothing may be written outside the cache, and nothing wrong kept in it.

use super::{fake::send, *};

/// What is in the folder above the cache, apart from the cache.
fn outside(fake: &FakeHub) -> Vec<PathBuf> {
    let hub = fake.cache.path().join("hub");
    files_below(fake.cache.path()).into_iter().filter(|path| !path.starts_with(&hub)).collect()
}

/// A Hub that puts `headers` on every answer about the weights after the first `honest` ones.
fn liar(honest: usize, headers: &'static [(&str, &str)]) -> FakeHub {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
        let lies = ask.is_of("model.safetensors")
            && asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= honest;
        if lies {
            let range = [("Content-Range", "bytes 0-22/23")];
            reply(ask, stream, 206, &[headers, &range].concat(), b"weights weights weights");
        }
        lies
    })
}

#[test]
fn a_tag_is_no_way_out_of_the_cache() {
    const LIE: &[(&str, &str)] = &[("ETag", "\"../../../../outside/pwned.sh\""), ("X-Repo-Commit", SHA)];
    for honest in 0..4 {
        let fake = liar(honest, LIE);
        let result = snapshot(&fake.impatient());
        assert_eq!(outside(&fake), Vec::<PathBuf>::new(), "{honest} honest answers, {result:?}");
        if honest == 0 {
            let error = result.unwrap_err();
            assert!(
                error.to_string().ends_with("leaves its folder: `../../../../outside/pwned.sh`"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_commit_is_no_way_out_of_the_cache() {
    const LIE: &[(&str, &str)] = &[("ETag", "\"tag\""), ("X-Repo-Commit", "../../../../outside")];
    for honest in 0..4 {
        let fake = liar(honest, LIE);
        let result = snapshot(&fake.impatient());
        assert_eq!(outside(&fake), Vec::<PathBuf>::new(), "{honest} honest answers, {result:?}");
    }
    for sha in ["../../../../outside", "main", ""] {
        let fake = FakeHub::twisted(&[], move |ask, stream| {
            let siblings = [serde_json::json!({"rfilename": "config.json"})];
            let info = serde_json::json!({"sha": sha, "siblings": siblings}).to_string();
            reply(ask, stream, 200, &[], info.as_bytes());
            true
        });
        let error = snapshot(&fake.impatient()).unwrap_err();
        assert!(
            error.to_string().ends_with(&format!("for model `owner/model`: `{sha}` is no commit")),
            "{error}"
        );
        assert_eq!(outside(&fake), Vec::<PathBuf>::new());
    }
}

#[test]
fn tags_that_are_no_names_are_refused() {
    for tag in ["a/b", ".hidden", "", "..", "/etc/passwd"] {
        let fake = FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
            let is_file = ask.is_of("model.safetensors");
            if is_file {
                send(ask, stream, tag, b"weights weights weights");
            }
            is_file
        });
        let error = snapshot(&fake.impatient()).unwrap_err();
        assert!(matches!(&error, HubError::Unsafe { file, .. } if file == tag), "{error}");
    }
}

#[test]
fn answers_that_lack_what_is_needed() {
    for (headers, name) in [
        (&[("ETag", "\"tag\"")][..], "X-Repo-Commit"),
        (&[("X-Repo-Commit", SHA)], "ETag"),
        (&[("X-Repo-Commit", SHA), ("ETag", "\"tag\""), ("Transfer-Encoding", "chunked")], "Content-Length"),
        (&[("X-Repo-Commit", SHA), ("ETag", "\"tag\""), ("X-Linked-Size", "-1")], "Content-Length"),
    ] {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let fake = FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let is_file = ask.is_of("model.safetensors");
            if is_file {
                reply(ask, stream, 200, &headers, b"");
            }
            is_file
        });
        let error = snapshot(&fake.impatient()).unwrap_err();
        let expected =
            format!("`model.safetensors` of model `owner/model`: header `{name}` is missing or malformed");
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert_eq!((error.kind(), fake.count("model.safetensors")), (ErrorKind::Network, 1));
    }
}

#[test]
fn an_answer_that_is_no_json() {
    for body in ["", "<html>", "{}", "[1]", "{\"sha\": 1, \"siblings\": []}"] {
        let fake = FakeHub::twisted(&[], move |ask, stream| {
            reply(ask, stream, 200, &[], body.as_bytes());
            true
        });
        let error = snapshot(&fake.impatient()).unwrap_err();
        assert!(matches!(error, HubError::Answer { .. }), "{error:?}");
        assert_eq!(fake.count(""), 1);
    }
}

#[test]
fn a_body_longer_than_announced_is_not_taken() {
    let fake = FakeHub::twisted(&[("models/owner/model@main", model())], |ask, stream| {
        let lies = ask.gets("model.safetensors");
        if lies {
            reply(ask, stream, 200, &[], &b"weights ".repeat(1 << 20));
        }
        lies
    });
    let error = snapshot(&fake.impatient()).unwrap_err();
    assert!(error.to_string().ends_with("arrived damaged: more than the 23 bytes announced"), "{error}");
    let large = files_below(&fake.repo()).into_iter().filter(|path| path.metadata().unwrap().len() > 64);
    assert_eq!(large.collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[test]
fn wrong_bytes_never_have_a_name_in_the_cache() {
    for file in ["tokenizer.json", "model.safetensors"] {
        let fake = FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
            let lies = ask.gets(file);
            if lies {
                // As long as the right ones.
                let body =
                    if file == "tokenizer.json" { &b"{\"t\": 2}"[..] } else { b"wEIGHTs weights weights" };
                reply(ask, stream, 200, &[], body);
            }
            lies
        });
        let mut seen_early = false;
        let (repo, wanted) = (fake.repo(), file);
        let result =
            fake.impatient().model_snapshot("owner/model", None, companions, &mut |at: Progress<'_>| {
                seen_early |= at.file == wanted
                    && repo.join("snapshots").join(SHA).join(wanted).symlink_metadata().is_ok();
            });
        let error = result.unwrap_err().to_string();
        assert!(error.contains(" is not the one announced"), "{error}");
        assert!(!seen_early);
        assert!(fake.repo().join("snapshots").join(SHA).join(file).symlink_metadata().is_err());
    }
}
