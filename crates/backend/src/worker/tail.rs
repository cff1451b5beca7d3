//! The end of what a process says on standard error. However much that is, and with or without ends of lines,
//! only so much is kept.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

/// Lines kept for a failure.
const LINES: usize = 40;

/// Bytes kept, whatever the lines.
const BYTES: usize = 16 << 10;

/// The last lines of a stream that a thread reads to its end.
pub(super) struct Tail {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Tail {
    /// Begins to read.
    pub(super) fn of(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        std::thread::spawn(move || {
            let mut chunk = vec![0; BYTES];
            loop {
                let count = match stream.read(&mut chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Ok(count) if count > 0 => count,
                    _ => return,
                };
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&chunk[..count]);
                let beyond = kept.len().saturating_sub(BYTES);
                kept.drain(..beyond);
            }
        });
        Self { bytes }
    }

    /// What came last so far.
    pub(super) fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of a stream, once it is read.
    fn kept(stream: impl Read + Send + 'static) -> String {
        let tail = Tail::of(stream);
        while Arc::strong_count(&tail.bytes) > 1 {
            std::thread::yield_now();
        }
        assert!(tail.bytes.lock().unwrap().capacity() <= 4 * BYTES);
        tail.text()
    }

    #[test]
    fn the_last_lines_are_kept() {
        let lines = |range: std::ops::RangeInclusive<u32>| {
            range.map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(kept(io::Cursor::new(lines(1..=100) + "\n")), lines(61..=100));
        assert_eq!(kept(&b"a\r\ncaf\xe9"[..]), "a\ncaf\u{fffd}");
        assert_eq!(kept(io::empty()), "");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let endless = io::repeat(b'x').take(100 << 20).chain(&b"the end"[..]);
        let text = kept(endless);
        assert_eq!(text.len(), BYTES);
        assert!(text.ends_with("xthe end"));
    }
}
