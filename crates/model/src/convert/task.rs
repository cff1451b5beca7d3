//! A few elements of a tensor: encoded, written, read back and compared.

use gatecheck_base::fs::FileError;

use super::{
    Action, Loss, PlannedTensor,
    disk::Place,
    encode::{Encoded, part_sizes},
};

/// What became of the elements of one task.
pub(super) enum Done {
    Stored(Loss),
    /// Not stored: their type does not hold this magnitude.
    Overflow(f32),
    NotFinite,
}

/// What can go wrong with them.
pub(super) enum Failure {
    File(FileError),
    Damage(String),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// Working memory of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    encoded: Encoded,
    found: Vec<Vec<u8>>,
}

impl Scratch {
    /// Encodes elements from `start` on, writes them, reads them back and compares.
    pub(super) fn run(
        &mut self,
        tensor: &PlannedTensor,
        bytes: &[u8],
        start: usize,
        (shard, starts): &(usize, Vec<u64>),
        place: &impl Place,
    ) -> Result<Done, Failure> {
        let Self { encoded, found } = self;
        encoded.fill(tensor, bytes);
        let (Action::Quantize { dtype, .. } | Action::Store { dtype }) = tensor.action;
        if !encoded.largest.is_finite() {
            return Ok(Done::NotFinite);
        }
        if !dtype.holds(encoded.largest) {
            return Ok(Done::Overflow(encoded.largest));
        }
        found.resize_with(encoded.parts.len(), Vec::new);
        let sizes = part_sizes(tensor.action);
        for (((part, found), first), (size, per)) in
            encoded.parts.iter().zip(&mut *found).zip(starts).zip(sizes)
        {
            let offset = first + (start / per * size) as u64;
            place.write(*shard, offset, part)?;
            found.resize(part.len(), 0);
            place.read(*shard, offset, found)?;
        }
        // First, since an encoder that is wrong gives the same wrong bytes again.
        let loss = encoded.check(tensor, found).map_err(Failure::Damage)?;
        if *found != encoded.parts {
            return Err(Failure::Damage(format!("tensor `{}` is not what was written", tensor.name)));
        }
        Ok(Done::Stored(loss))
    }
}
