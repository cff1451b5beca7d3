//! The artefact's files. The headers say where every byte goes, so a piece of the source is encoded, written to its place,
//! read back and compared with the source, and forgotten.

use std::{collections::BTreeMap, fs::File, path::Path};

use gatecheck_base::fs::{FileError, create_dir, sha256_file};

use super::{
    ConvertError, Loss, Plan, PlannedTensor,
    cursor::Piece,
    digest,
    disk::Place,
    encode::TASK,
    read::read,
    source::Source,
    task::{Done, Failure, Scratch},
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
    let (wanted, offsets) = (wanted.collect(), offsets(plan));
    let converter = || {
        let mut scratch = Scratch::default();
        let (offsets, place) = (&offsets, place);
        move |piece: &Piece| convert(plan, piece, &mut scratch, &offsets[piece.tensor], place, folder)
    };
    let mut missing: Vec<_> = plan.tensors.iter().map(PlannedTensor::elements).collect();
    let (mut losses, mut overflows) = (BTreeMap::new(), BTreeMap::new());
    let (checksums, outputs) = digest::beside(plan, place, folder, |on_tensor| {
        read(source, &wanted, converter, |Converted { tensor, start, elements, tasks }| {
            missing[tensor] -= elements as u64;
            if missing[tensor] == 0 {
                on_tensor(tensor);
            }
            on_bytes((elements * plan.tensors[tensor].source_dtype.bytes()) as u64);
            match tasks {
                Ok(tasks) => drop(losses.insert((tensor, start), tasks)),
                Err(most) => {
                    let largest = overflows.entry(tensor).or_insert(0.0f32);
                    *largest = largest.max(most);
                }
            }
        })
    })?;
    let mut result =
        Weights { checksums, outputs, losses: vec![Loss::default(); plan.tensors.len()], overflows };
    // In order, so that the sums are the same each time.
    for ((tensor, _), tasks) in losses {
        result.losses[tensor] = tasks.into_iter().fold(result.losses[tensor], Loss::and);
    }
    Ok(result)
}

/// What became of a piece.
struct Converted {
    tensor: usize,
    start: usize,
    elements: usize,
    /// What was lost, task by task; or the largest magnitude, where the type does not hold it.
    tasks: Result<Vec<Loss>, f32>,
}

fn convert(
    plan: &Plan,
    piece: &Piece,
    scratch: &mut Scratch,
    places: &(usize, Vec<u64>),
    place: &impl Place,
    folder: &Path,
) -> Result<Converted, ConvertError> {
    let tensor = &plan.tensors[piece.tensor];
    let width = tensor.source_dtype.bytes();
    let mut tasks = Ok(Vec::new());
    for (at, bytes) in piece.bytes().chunks(TASK * width).enumerate() {
        match (scratch.run(tensor, bytes, piece.start + at * TASK, places, place), &mut tasks) {
            (Ok(Done::Stored(loss)), Ok(losses)) => losses.push(loss),
            (Ok(Done::Stored(_)), Err(_)) => {}
            (Ok(Done::Overflow(most)), Ok(_)) => tasks = Err(most),
            (Ok(Done::Overflow(most)), Err(largest)) => *largest = largest.max(most),
            (Ok(Done::NotFinite), _) => return Err(not_finite(plan, piece)),
            (Err(Failure::File(error)), _) => return Err(error.into()),
            (Err(Failure::Damage(reason)), _) => {
                return Err(ConvertError::Damaged { folder: folder.to_owned(), reason });
            }
        }
    }
    let (start, elements) = (piece.start, piece.bytes().len() / width);
    Ok(Converted { tensor: piece.tensor, start, elements, tasks })
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
