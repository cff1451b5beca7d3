//! The artefact's files, streamed: no more than a few rows of a tensor are in memory at a time.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{Seek, SeekFrom, Write},
    ops::Range,
    path::Path,
};

use gatecheck_base::fs::{FileError, create_dir, sha256_file};

use super::{Action, ConvertError, Plan, PlannedTensor, Shard, source::Source};
use crate::{
    quant::{QuantError, cast, quantize},
    weights::TensorView,
};

/// Elements that are converted at a time: a multiple of every group size.
const CHUNK: usize = 1 << 22;

/// Writes all files of the artefact but its metadata into `folder`. What is copied must have the checksums of
/// `inputs`, by name.
pub(super) fn write(
    plan: &Plan,
    source: &Source,
    inputs: &BTreeMap<String, String>,
    folder: &Path,
    mut on_bytes: impl FnMut(u64),
) -> Result<(), ConvertError> {
    for shard in plan.shards() {
        write_shard(plan, shard, source, &folder.join(&shard.file_name), &mut on_bytes)?;
    }
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

fn write_shard(
    plan: &Plan,
    shard: &Shard,
    source: &Source,
    path: &Path,
    on_bytes: &mut impl FnMut(u64),
) -> Result<(), ConvertError> {
    let failed = |error| FileError::new("write", path, error);
    let mut file = File::create(path).map_err(failed)?;
    file.write_all(&shard.header).map_err(failed)?;
    let mut positions: Vec<_> = shard.outputs.iter().map(|one| one.tensor).collect();
    positions.sort_unstable();
    positions.dedup();
    for position in positions {
        let tensor = &plan.tensors[position];
        // The parts of a tensor lie apart, wide elements first.
        let parts: Vec<_> =
            tensor.outputs().iter().map(|part| (offset(shard, &part.name), part.bytes())).collect();
        let view = view(source, tensor)?;
        for chunk in chunks(&view) {
            for (bytes, (offset, length)) in encode(tensor, &view, &chunk)?.iter().zip(&parts) {
                let within = length * chunk.start as u64 / view.elements() as u64;
                file.seek(SeekFrom::Start(offset + within)).map_err(failed)?;
                file.write_all(bytes).map_err(failed)?;
            }
        }
        on_bytes(tensor.source_bytes());
    }
    Ok(file.sync_all().map_err(failed)?)
}

fn offset(shard: &Shard, name: &str) -> u64 {
    shard.outputs.iter().find(|one| one.output.name == name).map_or(0, |one| one.offset)
}

/// The source of a planned tensor.
pub(super) fn view<'a>(source: &'a Source, tensor: &PlannedTensor) -> Result<TensorView<'a>, ConvertError> {
    let absent = || crate::weights::WeightError::Absent { names: vec![tensor.source_name.clone()] };
    Ok(source.store.find(&tensor.source_name).ok_or_else(absent)?)
}

/// Element ranges that are converted one after the other.
pub(super) fn chunks(view: &TensorView<'_>) -> impl Iterator<Item = Range<usize>> {
    let elements = view.elements();
    (0..elements).step_by(CHUNK).map(move |start| start..elements.min(start + CHUNK))
}

/// The elements of one chunk, rounded to the type they are stored or quantized in.
pub(super) fn rounded<'a>(
    tensor: &PlannedTensor,
    view: &TensorView<'a>,
    chunk: &Range<usize>,
) -> Cow<'a, [u8]> {
    let (Action::Quantize { dtype, .. } | Action::Store { dtype }) = tensor.action;
    let width = tensor.source_dtype.bytes();
    let bytes = &view.bytes[chunk.start * width..chunk.end * width];
    if dtype == tensor.source_dtype { bytes.into() } else { cast(bytes, tensor.source_dtype, dtype).into() }
}

/// The bytes of one chunk of each part of the tensor.
pub(super) fn encode<'a>(
    tensor: &PlannedTensor,
    view: &TensorView<'a>,
    chunk: &Range<usize>,
) -> Result<Vec<Cow<'a, [u8]>>, QuantError> {
    let bytes = rounded(tensor, view, chunk);
    match tensor.action {
        Action::Store { .. } => Ok(vec![bytes]),
        Action::Quantize { affine, dtype } => {
            let packed = quantize(affine, &bytes, dtype)?;
            Ok(vec![packed.weight.into(), packed.scales.into(), packed.biases.into()])
        }
    }
}

/// Writes a file of a folder that nobody reads yet.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::new("write", path, error);
    let mut file = File::create(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
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
