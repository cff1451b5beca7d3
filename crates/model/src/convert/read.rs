//! The weight files of the source, read once from their first byte to their last: who has nothing to convert reads the
//! next piece, and each is hashed on one thread meanwhile. Few pieces are in memory at a time, whatever the size of the
//! model; a memory map would count as this process's memory as a whole.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    sync::{Arc, Mutex, PoisonError},
};

use gatecheck_base::fs::{FileError, Hasher};

use super::{
    ConvertError,
    cursor::{Buffer, Cursor, Piece, segments},
    source::Source,
};

/// Pieces on their way to the thread that hashes, and results on theirs to the one that collects.
const PIECES: usize = 16;

/// Converts every piece of the tensors named in `wanted` (name in the source, position in the plan, bytes of an element),
/// on as many threads as are worth it: `converter` makes what converts on one of them. What comes of a piece goes to
/// `collect`, on this thread and in no order; of several errors the first in the order of the files is returned. Returns the
/// SHA-256 of every weight file by its name.
pub(super) fn read<T: Send, C: FnMut(&Piece) -> Result<T, ConvertError>>(
    source: &Source,
    wanted: &BTreeMap<String, (usize, usize)>,
    converter: impl Fn() -> C + Sync,
    mut collect: impl FnMut(T),
) -> Result<BTreeMap<String, String>, ConvertError> {
    let mut checksums = BTreeMap::new();
    for (path, file, size) in source.store.opened() {
        let segments = segments(source, path, size, wanted);
        let (to_hash, hashing) = sync_channel(PIECES);
        let (to_collect, results) = sync_channel(PIECES);
        let cursor = Mutex::new(Cursor::new(file, path, &segments, to_hash)?);
        let sha256 = std::thread::scope(|scope| {
            let hasher = scope.spawn(move || hash(&hashing));
            for _ in 0..rayon::current_num_threads() {
                let (cursor, converter, to_collect) = (&cursor, &converter, to_collect.clone());
                scope.spawn(move || work(cursor, converter(), &to_collect));
            }
            drop(to_collect);
            let mut errors = BTreeMap::new();
            for (position, result) in results {
                match result {
                    Ok(result) => collect(result),
                    Err(error) => drop(errors.insert(position, error)),
                }
            }
            let lost = |_| FileError::new("read", path, std::io::Error::other("a thread ended too soon"));
            match errors.pop_first() {
                Some((_, error)) => Err(error),
                None => Ok(hasher.join().map_err(lost)?),
            }
        })?;
        checksums.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), sha256);
    }
    Ok(checksums)
}

/// Reads and converts until nothing is left, or something is wrong anywhere.
fn work<T, C: FnMut(&Piece) -> Result<T, ConvertError>>(
    cursor: &Mutex<Cursor<'_>>,
    mut convert: C,
    to_collect: &SyncSender<(u64, Result<T, ConvertError>)>,
) {
    let next = || cursor.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some((position, piece)) = next() {
        let result = piece.map_err(Into::into).and_then(|piece| convert(&piece));
        if result.is_err() {
            cursor.lock().unwrap_or_else(PoisonError::into_inner).stop();
        }
        if to_collect.send((position, result)).is_err() {
            break;
        }
    }
}

fn hash(buffers: &Receiver<Arc<Buffer>>) -> String {
    let mut hasher = Hasher::default();
    for buffer in buffers {
        hasher.update(buffer.bytes());
    }
    hasher.finish()
}
