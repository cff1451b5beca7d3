//! A Hub that says nothing, or next to nothing, for ever.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use super::{fake::send, *};

/// The error for a server so twisted; it must come soon.
#[track_caller]
fn given_up(twist: impl Fn(&Ask, &mut std::net::TcpStream) -> bool + Send + Sync + 'static) -> HubError {
    let fake = FakeHub::twisted(&[("models/owner/model@main", model())], twist);
    let start = Instant::now();
    let error = snapshot(&fake.impatient()).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    error
}

fn for_ever(stream: &mut std::net::TcpStream, drop_by_drop: &[u8]) -> bool {
    while stream.write_all(drop_by_drop).is_ok() {
        thread::sleep(Duration::from_millis(60));
    }
    true
}

#[test]
fn no_answer() {
    let error = given_up(|_, stream| for_ever(stream, b""));
    assert!(error.to_string().starts_with("failed to fetch model `owner/model` from http://"), "{error}");
    let error = given_up(|ask, stream| ask.is_of("model.safetensors") && for_ever(stream, b""));
    assert!(error.to_string().starts_with("failed to fetch `model.safetensors` of model"), "{error}");
}

#[test]
fn headers_without_an_end() {
    given_up(|_, stream| stream.write_all(b"HTTP/1.1 200 OK\r\n").is_ok() && for_ever(stream, b"A: b\r\n"));
}

#[test]
fn an_answer_drop_by_drop() {
    given_up(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
        stream.write_all(head).is_ok() && for_ever(stream, b" ")
    });
}

#[test]
fn a_body_that_stops_or_trickles() {
    for drop_by_drop in ["", "w"] {
        let error = given_up(move |ask, stream| {
            let content = "w".repeat(1 << 20);
            if !ask.gets("model.safetensors") {
                let is_head = ask.is_of("model.safetensors");
                if is_head {
                    send(ask, stream, &fs::sha256(content.as_bytes()), content.as_bytes());
                }
                return is_head;
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nw", content.len());
            stream.write_all(head.as_bytes()).is_ok() && for_ever(stream, drop_by_drop.as_bytes())
        });
        assert!(matches!(error, HubError::Unreachable { .. }), "{error:?}");
    }
}
