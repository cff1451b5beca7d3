//! The checksums of the artefact's weight files, taken while the files are written: what there is from the first byte on
//! without gaps is read back and hashed, and the disk takes it in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use gatecheck_base::fs::{FileError, Hasher};

use super::{ConvertError, Plan, PlannedTensor, Shard, disk::Place};

/// Bytes that are read at a time: they stay in the caches of the thread that hashes them.
const BLOCK: u64 = 1 << 18;
/// Bytes that are hashed between two waits for the disk.
const STRIDE: u64 = 1 << 26;

/// Runs `convert` and hashes beside it: it is handed a function to call with the position of each tensor of the plan that
/// is in its place. Returns what it returns, and the checksums by file name of the weight files that are whole by then.
pub(super) fn beside<T>(
    plan: &Plan,
    place: &impl Place,
    folder: &Path,
    convert: impl FnOnce(&dyn Fn(usize)) -> Result<T, ConvertError>,
) -> Result<(T, BTreeMap<String, String>), ConvertError> {
    let (to_hash, written) = sync_channel(plan.tensors.len());
    let (to_sync, hashed) = sync_channel(1);
    std::thread::scope(|scope| {
        let hasher = scope.spawn(move || follow(plan, place, &written, &to_sync));
        let disk = scope.spawn(move || hashed.iter().try_for_each(|()| place.sync()));
        let done = convert(&|tensor| {
            // Room enough for all; and who reads the other end has given up only to say why.
            let _ = to_hash.send(tensor);
        });
        drop(to_hash);
        let lost = |_| FileError::new("read", folder, std::io::Error::other("a thread ended too soon"));
        let checksums = hasher.join().map_err(lost)?;
        let synced = disk.join().map_err(lost)?;
        // What went wrong first.
        let done = done?;
        synced?;
        Ok((done, checksums?))
    })
}

fn follow(
    plan: &Plan,
    place: &impl Place,
    written: &Receiver<usize>,
    to_sync: &SyncSender<()>,
) -> Result<BTreeMap<String, String>, FileError> {
    let nothing = |(_, tensor): &(usize, &PlannedTensor)| tensor.elements() == 0;
    let mut there: BTreeSet<_> =
        plan.tensors.iter().enumerate().filter(nothing).map(|(position, _)| position).collect();
    let mut files: Vec<_> = plan.shards().iter().map(File::new).collect();
    let (mut buffer, mut hashed) = (Vec::new(), 0);
    for tensor in written {
        there.insert(tensor);
        for (shard, file) in files.iter_mut().enumerate() {
            hashed += file.advance(shard, &there, place, &mut buffer)?;
        }
        // Where the disk is still busy it comes by again.
        if hashed >= STRIDE && to_sync.try_send(()).is_ok() {
            hashed = 0;
        }
    }
    Ok(files.into_iter().filter_map(File::finish).collect())
}

/// How far a file is.
struct File<'p> {
    shard: &'p Shard,
    /// The tensor that comes next.
    next: usize,
    end: u64,
    hasher: Hasher,
}

impl<'p> File<'p> {
    fn new(shard: &'p Shard) -> Self {
        Self { shard, next: 0, end: 0, hasher: Hasher::default() }
    }

    /// Hashes up to the first byte of a tensor that is not there. Returns how many bytes these are.
    fn advance(
        &mut self,
        position: usize,
        there: &BTreeSet<usize>,
        place: &impl Place,
        buffer: &mut Vec<u8>,
    ) -> Result<u64, FileError> {
        let before = self.end;
        while let Some(output) = self.shard.outputs.get(self.next).filter(|one| there.contains(&one.tensor)) {
            let stop = output.offset + output.output.bytes();
            while self.end < stop {
                buffer.resize(BLOCK.min(stop - self.end) as usize, 0);
                place.read(position, self.end, buffer)?;
                self.hasher.update(buffer);
                self.end += buffer.len() as u64;
            }
            self.next += 1;
        }
        Ok(self.end - before)
    }

    fn finish(self) -> Option<(String, String)> {
        let whole = self.end == self.shard.file_bytes();
        whole.then(|| (self.shard.file_name.clone(), self.hasher.finish()))
    }
}

#[cfg(test)]
mod tests {
    use gatecheck_base::fs::sha256_file;

    use super::*;
    use crate::{
        convert::{Recipe, SHARD_BYTES, disk::Files, plan, testing::Fixture},
        quant::Float,
    };

    /// Puts bytes in the place of all tensors but `without`, and hashes beside it.
    fn hash(shard_bytes: u64, without: Option<usize>) -> (Vec<String>, Vec<String>) {
        let fixture = Fixture::new(Float::Float16);
        let plan = plan(&fixture.source(), &Recipe::try_from(4).unwrap(), shard_bytes).unwrap();
        let place = Files::create(plan.shards(), fixture.folder.path()).unwrap();
        let ((), found) = beside(&plan, &place, fixture.folder.path(), |on_tensor| {
            // From the last to the first, so that nothing can be hashed as it comes.
            for tensor in (0..plan.tensors.len()).rev().filter(|tensor| Some(*tensor) != without) {
                for (at, shard) in plan.shards().iter().enumerate() {
                    for one in shard.outputs.iter().filter(|one| one.tensor == tensor) {
                        let bytes = vec![tensor as u8 + 1; one.output.bytes() as usize];
                        place.write(at, one.offset, &bytes).unwrap();
                    }
                }
                on_tensor(tensor);
            }
            Ok(())
        })
        .unwrap();
        let sha256 = |shard: &Shard| sha256_file(&fixture.folder.path().join(&shard.file_name)).unwrap();
        let expected = plan.shards().iter().filter(|shard| found.contains_key(&shard.file_name));
        (found.values().cloned().collect(), expected.map(sha256).collect())
    }

    #[test]
    fn checksums_are_those_of_the_files_in_whatever_order_they_are_written() {
        let (found, expected) = hash(SHARD_BYTES, None);
        assert_eq!((found.len(), &found), (1, &expected));
        let (found, expected) = hash(10_000, None);
        assert!(found.len() > 2);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_that_is_not_whole_has_none() {
        assert_eq!(hash(SHARD_BYTES, Some(3)).0.len(), 0);
        assert_eq!(hash(10_000, Some(3)).0.len(), hash(10_000, None).0.len() - 1);
    }
}
