//! A weight file of the source, read piece by piece by whoever has nothing to convert.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    ops::Range,
    path::Path,
    sync::Arc,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use gatecheck_base::fs::FileError;

use super::{encode::TASK, source::Source};

/// Elements that are read at a time: a multiple of what is converted at a time. They stay in the second-level cache.
const CHUNK: usize = 4 * TASK;
/// Buffers that are kept for the next pieces.
const BUFFERS: usize = 64;

/// Bytes of a weight file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// From the start of the file.
    bytes: Range<u64>,
    /// The tensor and its first element, where they belong to one that is converted.
    of: Option<(usize, usize)>,
}

/// A piece of a tensor of the source.
pub(super) struct Piece {
    /// Position among the plan's tensors.
    pub(super) tensor: usize,
    /// First element.
    pub(super) start: usize,
    buffer: Arc<Buffer>,
}

impl Piece {
    /// Little-endian elements.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }
}

/// Bytes that go back to where they are filled when nobody looks at them any more.
pub(super) struct Buffer {
    /// Those of this piece, and whatever longer ones have left behind them.
    bytes: Vec<u8>,
    length: usize,
    home: SyncSender<Vec<u8>>,
}

impl Buffer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // Whoever filled it may be done.
        let _ = self.home.try_send(std::mem::take(&mut self.bytes));
    }
}

/// Where in a file reading is.
pub(super) struct Cursor<'s> {
    file: &'s File,
    path: &'s Path,
    segments: std::slice::Iter<'s, Segment>,
    /// None where the file is at an end.
    to_hash: Option<SyncSender<Arc<Buffer>>>,
    home: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

impl<'s> Cursor<'s> {
    /// At the start of a file. What is read goes to `to_hash`, too.
    pub(super) fn new(
        mut file: &'s File,
        path: &'s Path,
        segments: &'s [Segment],
        to_hash: SyncSender<Arc<Buffer>>,
    ) -> Result<Self, FileError> {
        std::io::Seek::rewind(&mut file).map_err(|error| FileError::new("read", path, error))?;
        let (home, empty) = sync_channel(BUFFERS);
        Ok(Self { file, path, segments: segments.iter(), to_hash: Some(to_hash), home, empty })
    }

    /// The next piece of a tensor, and where in the file it starts. All before it, and it itself, are on their way to be
    /// hashed.
    pub(super) fn next(&mut self) -> Option<(u64, Result<Piece, FileError>)> {
        loop {
            let Some(Segment { bytes, of }) = self.segments.next() else {
                self.to_hash = None;
                return None;
            };
            let buffer = match self.fill((bytes.end - bytes.start) as usize) {
                Ok(buffer) => buffer,
                Err(error) => return Some((bytes.start, Err(FileError::new("read", self.path, error)))),
            };
            if let Some(to_hash) = &self.to_hash {
                // Nobody is there only where hashing has panicked, which is found when it is waited for.
                let _ = to_hash.send(buffer.clone());
            }
            if let Some((tensor, start)) = *of {
                return Some((bytes.start, Ok(Piece { tensor, start, buffer })));
            }
        }
    }

    fn fill(&mut self, length: usize) -> std::io::Result<Arc<Buffer>> {
        let mut bytes = self.empty.try_recv().unwrap_or_default();
        if bytes.len() < length {
            bytes.resize(length, 0);
        }
        self.file.read_exact(&mut bytes[..length])?;
        Ok(Arc::new(Buffer { bytes, length, home: self.home.clone() }))
    }

    /// Nothing more is read.
    pub(super) fn stop(&mut self) {
        self.segments = [].iter();
    }
}

/// The whole file, cut where tensors begin and end and where pieces do.
pub(super) fn segments(
    source: &Source,
    path: &Path,
    size: u64,
    wanted: &BTreeMap<String, (usize, usize)>,
) -> Vec<Segment> {
    let mut tensors: Vec<_> = source.store.places(path).collect();
    tensors.sort_by_key(|(_, bytes)| bytes.start);
    let (mut segments, mut end) = (Vec::new(), 0);
    let cut = |segments: &mut Vec<Segment>, bytes: Range<u64>, of: Option<(usize, usize)>| {
        let step = of.map_or(CHUNK, |(_, width)| CHUNK * width) as u64;
        let mut start = bytes.start;
        while start < bytes.end {
            let stop = bytes.end.min(start + step);
            let of = of.map(|(tensor, width)| (tensor, (start - bytes.start) as usize / width));
            segments.push(Segment { bytes: start..stop, of });
            start = stop;
        }
    };
    for (name, bytes) in tensors {
        cut(&mut segments, end..bytes.start, None);
        cut(&mut segments, bytes.clone(), wanted.get(name).copied());
        end = bytes.end;
    }
    cut(&mut segments, end..size, None);
    segments
}
