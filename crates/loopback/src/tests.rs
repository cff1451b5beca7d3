//! What no client of ours asks for, and what tests rely on.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::{Fault, LoopbackHub, What, files};

/// The whole answer to a request without a body.
fn get(hub: &LoopbackHub, path: &str) -> String {
    let mut stream = TcpStream::connect(hub.endpoint.trim_start_matches("http://")).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_listing_of_parquet_files_leads_to_them() {
    let branch = files(&[("mnli/test/0000.parquet", "first"), ("mnli/test/0001.parquet", "second")]);
    let hub = LoopbackHub::new(&[("datasets/nyu-mll/glue@refs/convert/parquet", branch)]);
    let answer = get(&hub, "/api/datasets/nyu-mll/glue/parquet");
    let base = format!("{}/api/datasets/nyu-mll/glue/parquet/mnli/test", hub.endpoint);
    let listing = format!("{{\"mnli\":{{\"test\":[\"{base}/0.parquet\",\"{base}/1.parquet\"]}}}}");
    assert!(answer.ends_with(&format!("\r\n\r\n{listing}")), "{answer}");
    let none = get(&hub, &format!("{}/2.parquet", base.trim_start_matches(&hub.endpoint)));
    assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
    let moved = get(&hub, &format!("{}/1.parquet", base.trim_start_matches(&hub.endpoint)));
    let location = moved.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
    let answer = get(&hub, location.trim_start_matches(&hub.endpoint));
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nsecond"), "{answer}");
}

#[test]
fn faults_strike_as_often_as_told() {
    let hub = LoopbackHub::new(&[("models/a/b@main", files(&[("config.json", "{}")]))]);
    let fault: Fault = "GET /resolve/ 429;2 1".parse().unwrap();
    assert_eq!((fault.what.clone(), fault.times), (What::Status(429, Some(2)), 1));
    hub.fail(fault);
    let path = "/a/b/resolve/main/config.json";
    let first = get(&hub, path);
    assert!(first.starts_with("HTTP/1.1 429 ") && first.contains("Retry-After: 2\r\n"), "{first}");
    assert!(get(&hub, path).ends_with("\r\n\r\n{}"));
    hub.fail("GET /resolve/ cut-answer 1".parse().unwrap());
    let half = get(&hub, path);
    assert!(half.starts_with("HTTP/1.1 200 ") && !half.ends_with("{}"), "{half}");
    for text in ["", "GET / 500", "GET / odd 1", "GET / 500 often"] {
        assert!(text.parse::<Fault>().is_err(), "{text}");
    }
}

#[test]
fn what_is_private_is_not_there_for_nobody() {
    let hub = LoopbackHub::new(&[("models/a/b@main", files(&[("config.json", "{}")]))]);
    let body = r#"{"name": "c", "organization": "a", "visibility": "private"}"#;
    let mut stream = TcpStream::connect(hub.endpoint.trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST /api/repos/create HTTP/1.1\r\nAuthorization: Bearer hf_write\r\nContent-Length: {}",
        body.len()
    );
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert_eq!(hub.is_private("models/a/c"), Some(true));
    assert!(get(&hub, "/api/models/a/c").contains("X-Error-Code: RepoNotFound"));
    assert!(get(&hub, "/api/models/a/b").starts_with("HTTP/1.1 200 "));
    assert!(get(&hub, "/api/whoami-v2").starts_with("HTTP/1.1 401 "));
}
