//! Requests as they come, and answers as they go.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use serde_json::Value;

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Such as `GET`.
    pub method: String,
    /// Path and query, `%2F` as `/`.
    pub path: String,
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    /// What came with it.
    pub body: Vec<u8>,
    /// How many like it, with this method for this path, came before.
    pub before: usize,
}

impl Ask {
    /// Reads a request up to its body.
    pub(crate) fn read_head(reader: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let first = lines.next()?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?.replace("%2F", "/"));
        let pairs = lines.filter_map(|line| {
            line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        });
        Some(Self { method, path, headers: pairs.collect(), body: Vec::new(), before: 0 })
    }

    /// Reads the body, whose length is told or which comes in chunks.
    pub(crate) fn read_body(&mut self, reader: &mut BufReader<TcpStream>) -> Option<()> {
        if self.headers.get("expect").is_some_and(|value| value == "100-continue") {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        if self.headers.contains_key("transfer-encoding") {
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).ok()?;
                let length = u64::from_str_radix(line.trim(), 16).ok()?;
                reader.by_ref().take(length).read_to_end(&mut self.body).ok()?;
                reader.read_line(&mut line).ok()?;
                if length == 0 {
                    return Some(());
                }
            }
        }
        let length = self.length();
        reader.take(length as u64).read_to_end(&mut self.body).ok()?;
        (self.body.len() == length).then_some(())
    }

    /// The length told of the body.
    pub(crate) fn length(&self) -> usize {
        self.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)
    }

    /// Whether a file of this name is meant, by `GET`.
    pub fn gets(&self, file: &str) -> bool {
        self.method == "GET" && self.is_of(file)
    }

    /// Whether a file of this name is meant.
    pub fn is_of(&self, file: &str) -> bool {
        self.path.contains("/resolve/") && self.path.ends_with(file)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The path without its query, as text.
    pub(crate) fn plain_path(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
    }

    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|it| it.1)
    }
}

/// Answers and closes; a body's length is told and the body not sent where only headers were asked for.
pub fn reply(ask: &Ask, stream: &mut impl Write, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status} Some Words\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| ["Content-Length", "Transfer-Encoding"].contains(name)) {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    let body = if ask.method == "HEAD" { &[] } else { body };
    // A client that gave up is none of the server's business.
    let _ = stream.write_all(&[head.as_bytes(), b"\r\n", body].concat());
}

/// Answers with a file, from the byte asked for on.
pub fn send(ask: &Ask, stream: &mut impl Write, headers: &[(&str, &str)], content: &[u8]) {
    let range = ask.headers.get("range").and_then(|range| range.strip_prefix("bytes="));
    let start = range.and_then(|range| range.split('-').next()?.parse::<usize>().ok());
    match start {
        None => reply(ask, stream, 200, headers, content),
        Some(start) if start >= content.len() => reply(ask, stream, 416, headers, b""),
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
            reply(ask, stream, 206, &[headers, &[("Content-Range", &range)]].concat(), &content[start..]);
        }
    }
}
