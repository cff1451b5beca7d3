//! The weight files of the source, read once from their first byte to their last: each piece is hashed on one thread
//! while others convert it. Few pieces are in memory at a time, whatever the size of the model; a memory map would count
//! as this process's memory as a whole.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    ops::Range,
    path::Path,
    sync::Arc,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use gatecheck_base::fs::{FileError, Hasher};

use super::{ConvertError, source::Source};

/// Elements that are converted at a time: a multiple of every group size.
pub(super) const CHUNK: usize = 1 << 20;
/// Pieces on their way from reading to hashing and converting.
const PIECES: usize = 6;

/// Bytes of a weight file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
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
        &self.buffer.bytes
    }
}

/// Bytes that go back to where they are filled when nobody looks at them any more.
struct Buffer {
    bytes: Vec<u8>,
    home: SyncSender<Vec<u8>>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // Whoever filled it may be done.
        let _ = self.home.try_send(std::mem::take(&mut self.bytes));
    }
}

/// Hands every piece of the tensors named in `wanted` (name in the source, position in the plan, bytes of an element) to
/// `convert`, in the order of the files. Returns the SHA-256 of every weight file by its name.
pub(super) fn read(
    source: &Source,
    wanted: &BTreeMap<String, (usize, usize)>,
    mut convert: impl FnMut(Piece) -> Result<(), ConvertError>,
) -> Result<BTreeMap<String, String>, ConvertError> {
    let mut checksums = BTreeMap::new();
    for (path, file, size) in source.store.opened() {
        let segments = segments(source, path, size, wanted);
        let sha256 = std::thread::scope(|scope| {
            let (to_hash, hashing) = sync_channel(PIECES);
            let (to_convert, pieces) = sync_channel(PIECES);
            let hasher = scope.spawn(move || hash(&hashing));
            let reader = scope.spawn(move || fill(file, path, &segments, &to_hash, &to_convert));
            for piece in pieces {
                convert(piece)?;
            }
            let lost = |_| FileError::new("read", path, std::io::Error::other("a thread ended too soon"));
            reader.join().map_err(lost)??;
            Ok::<_, ConvertError>(hasher.join().map_err(lost)?)
        })?;
        checksums.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), sha256);
    }
    Ok(checksums)
}

/// The whole file, cut where tensors begin and end and where pieces do.
fn segments(
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

fn fill(
    mut file: &File,
    path: &Path,
    segments: &[Segment],
    to_hash: &SyncSender<Arc<Buffer>>,
    to_convert: &SyncSender<Piece>,
) -> Result<(), ConvertError> {
    let failed = |error| FileError::new("read", path, error);
    std::io::Seek::rewind(&mut file).map_err(failed)?;
    let (home, empty) = sync_channel(4 * PIECES);
    for Segment { bytes, of } in segments {
        let mut buffer: Vec<u8> = empty.try_recv().unwrap_or_default();
        buffer.resize((bytes.end - bytes.start) as usize, 0);
        file.read_exact(&mut buffer).map_err(failed)?;
        let buffer = Arc::new(Buffer { bytes: buffer, home: home.clone() });
        let sent = to_hash.send(buffer.clone()).is_ok();
        let sent = match of {
            Some((tensor, start)) => {
                sent && to_convert.send(Piece { tensor: *tensor, start: *start, buffer }).is_ok()
            }
            None => sent,
        };
        // Whoever converts has given up, and says why.
        if !sent {
            break;
        }
    }
    Ok(())
}

fn hash(buffers: &Receiver<Arc<Buffer>>) -> String {
    let mut hasher = Hasher::default();
    for buffer in buffers {
        hasher.update(&buffer.bytes);
    }
    hasher.finish()
}
