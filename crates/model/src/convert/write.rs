//! The artefact's files. The headers say where every byte goes, so a piece of the source is encoded, written to its place,
//! read back and compared with the source, and forgotten.

use std::{collections::BTreeMap, fs::File, path::Path};

use gatecheck_base::fs::{FileError, create_dir, sha256_file};

use rayon::prelude::*;

use super::{
    Action, ConvertError, Plan, PlannedTensor, digest,
    disk::Place,
    encode::{Encoded, Loss, TASK, part_sizes},
    read::{Piece, read},
    source::Source,
};
use crate::{quant::first_not_finite, weights::WeightError};

/// What became of the weights.
#[derive(Debug, Default)]
pub(super) struct Weights {
    /// SHA-256 of the source's weight files by name.
    pub(super) checksums: BTreeMap<String, String>,
    /// That of the artefact's.
    pub(super) outputs: BTreeMap<String, String>,
    /// For each tensor of the plan, what was lost.
    pub(super) losses: Vec<Loss>,
    /// Tensors of the plan with values that their type does not hold, and the largest magnitude. Where there are any,
    /// the files are of no use.
    pub(super) overflows: BTreeMap<usize, f32>,
}

/// Converts all tensors. NaN and infinities are errors.
pub(super) fn weights(
    plan: &Plan,
    source: &Source,
    place: &impl Place,
    folder: &Path,
    mut on_bytes: impl FnMut(u64),
) -> Result<Weights, ConvertError> {
    let wanted = plan
        .tensors
        .iter()
        .enumerate()
        .map(|(position, tensor)| (tensor.source_name.clone(), (position, tensor.source_dtype.bytes())));
    let offsets = offsets(plan);
    let mut result = Weights { losses: vec![Loss::default(); plan.tensors.len()], ..Weights::default() };
    let convert = |on_tensor: &dyn Fn(usize)| {
        read(source, &wanted.collect(), |piece| {
            let (tensor, position) = (&plan.tensors[piece.tensor], piece.tensor);
            let width = tensor.source_dtype.bytes();
            let tasks: Vec<_> = piece
                .bytes()
                .par_chunks(TASK * width)
                .enumerate()
                .map_init(Scratch::default, |scratch, (at, bytes)| {
                    scratch.run(tensor, bytes, piece.start + at * TASK, &offsets[position], place)
                })
                .collect();
            // In order, so that the sums are the same each time, and the error is the first.
            for done in tasks {
                match done {
                    Ok(Done::Stored(loss)) => result.losses[position] = result.losses[position].and(loss),
                    Ok(Done::Overflow(most)) => {
                        let largest = result.overflows.entry(position).or_insert(0.0);
                        *largest = largest.max(most);
                    }
                    Ok(Done::NotFinite) => return Err(not_finite(plan, &piece)),
                    Err(Failure::File(error)) => return Err(error.into()),
                    Err(Failure::Damage(reason)) => {
                        return Err(ConvertError::Damaged { folder: folder.to_owned(), reason });
                    }
                }
            }
            if piece.start as u64 + (piece.bytes().len() / width) as u64 == tensor.elements() {
                on_tensor(position);
            }
            on_bytes(piece.bytes().len() as u64);
            Ok(())
        })
    };
    let (checksums, outputs) = digest::beside(plan, place, convert)?;
    Ok(Weights { checksums, outputs, ..result })
}

/// What became of the elements of one task.
enum Done {
    Stored(Loss),
    /// Not stored: their type does not hold this magnitude.
    Overflow(f32),
    NotFinite,
}

/// What can go wrong with them.
enum Failure {
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
struct Scratch {
    encoded: Encoded,
    found: Vec<Vec<u8>>,
}

impl Scratch {
    /// Encodes elements from `start` on, writes them, reads them back and compares.
    fn run(
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

/// For each tensor of the plan, its shard and where its parts start.
fn offsets(plan: &Plan) -> Vec<(usize, Vec<u64>)> {
    let mut places = BTreeMap::new();
    for (position, shard) in plan.shards().iter().enumerate() {
        for one in &shard.outputs {
            places.insert((one.tensor, one.output.name.as_str()), (position, one.offset));
        }
    }
    let of = |(tensor, planned): (usize, &PlannedTensor)| {
        let outputs = planned.outputs();
        let found: Vec<_> =
            outputs.iter().filter_map(|part| places.get(&(tensor, part.name.as_str()))).collect();
        (found.first().map_or(0, |(shard, _)| *shard), found.iter().map(|(_, offset)| *offset).collect())
    };
    plan.tensors.iter().enumerate().map(of).collect()
}

fn not_finite(plan: &Plan, piece: &Piece) -> ConvertError {
    let tensor = &plan.tensors[piece.tensor];
    let (index, value) = first_not_finite(piece.bytes(), tensor.source_dtype).unwrap_or((0, f32::NAN));
    WeightError::NotFinite { name: tensor.source_name.clone(), index: piece.start + index, value }.into()
}

/// Writes the files beside the weights, but not the metadata. What is copied must have the checksums of `inputs`, by name.
pub(super) fn others(
    plan: &Plan,
    source: &Source,
    inputs: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<(), ConvertError> {
    write_file(&folder.join("config.json"), plan.config())?;
    if let Some(index) = plan.index() {
        write_file(&folder.join("model.safetensors.index.json"), index)?;
    }
    for (name, _) in &plan.copied {
        let (from, to) = (source.folder.join(name), folder.join(name));
        copy(&from, &to)?;
        // The recipe hash speaks of what was hashed, so that and nothing else goes along.
        if inputs.get(name) != Some(&sha256_file(&to)?) {
            return Err(ConvertError::Changed { path: from });
        }
    }
    Ok(())
}

/// Writes a file of a folder that nobody reads yet.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::new("write", path, error);
    let mut file = File::create(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    if let Some(parent) = to.parent() {
        create_dir(parent)?;
    }
    // Contents only: permissions of the source, such as read-only, are not the artefact's.
    let mut source = File::open(from).map_err(|error| FileError::new("open", from, error))?;
    let failed = |error| FileError::new("write", to, error);
    let mut target = File::create(to).map_err(failed)?;
    std::io::copy(&mut source, &mut target).map_err(failed)?;
    target.sync_all().map_err(failed)
}
