//! Read access to a folder's weights, through memory maps: safetensors files, or the `weights.npz` of older converters.
//!
//! The format is that of <https://github.com/huggingface/safetensors>: eight bytes of header
//! length, a JSON header, then the tensors' bytes without gaps. Nothing is trusted: the
//! `safetensors` crate checks lengths and offsets against the file before a tensor is handed out.

use std::{
    collections::BTreeMap,
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
};

use gatecheck_base::{
    fs::{FileError, read_text},
    kind::ErrorKind,
    text,
};
use half::{bf16, f16};
use memmap2::Mmap;
use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors};

use crate::npz::{self, Bytes, Member};

/// What can be wrong with the weights of a model.
#[derive(Debug, thiserror::Error)]
pub enum WeightError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No safetensors file in the folder.
    #[error("no weights in `{}`: neither `model.safetensors` nor `model.safetensors.index.json` is there", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// A pickled file that is there instead.
        pickle: Option<String>,
    },
    /// The header or the offsets are wrong.
    #[error("`{}` is not a valid safetensors file: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive of arrays is wrong.
    #[error("`{}` cannot be read: {reason}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The index names a file that cannot be its shard.
    #[error("`{}` {reason}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two files or two spellings carry the same tensor.
    #[error("tensor `{name}` is there twice")]
    Duplicate {
        /// The tensor.
        name: String,
    },
    /// What should be two copies of a tensor are two tensors.
    #[error("tensor `{name}` differs from `{other}`, though the model has one in place of both")]
    Untied {
        /// One of them.
        name: String,
        /// The other.
        other: String,
    },
    /// A tensor that the model needs is absent.
    #[error("the weights lack {}", text::list(names, 5))]
    Absent {
        /// The tensors.
        names: Vec<String>,
    },
    /// Tensors that no part of the model uses.
    #[error("the weights hold tensors that the model does not use: {}", text::list(names, 5))]
    Unexpected {
        /// The tensors.
        names: Vec<String>,
    },
    /// A quantized matrix cannot be unpacked.
    #[error("the weights of `{module}` are not quantized as they should be: {reason}")]
    Packing {
        /// Path of the module.
        module: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("tensor `{name}` has shape {found:?}, the configuration asks for {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape asked for.
        expected: Vec<usize>,
    },
    /// A tensor has an element type that cannot be used here.
    #[error("tensor `{name}` has element type {found}, which is not one of {expected}")]
    ElementType {
        /// The tensor.
        name: String,
        /// Its type in the file.
        found: String,
        /// The usable ones.
        expected: &'static str,
    },
    /// A tensor holds NaN or an infinity.
    #[error("tensor `{name}` holds {value} at element {index}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// Position of the first one.
        index: usize,
        /// The value.
        value: f32,
    },
}

impl WeightError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { pickle: Some(pickle), .. } => Some(format!(
                "`{pickle}` is a pickle, which can run code when it is opened, so gatecheck never reads it; \
                 save the model again as safetensors (`model.save_pretrained(folder)` in transformers)"
            )),
            Self::Missing { .. } => {
                Some("give a folder as `save_pretrained` of transformers writes it, or a Hub id".to_owned())
            }
            Self::Absent { .. } | Self::Unexpected { .. } | Self::Shape { .. } | Self::Untied { .. } => Some(
                "`config.json` and the weights do not belong together, or this variant of the model is not \
                 implemented"
                    .to_owned(),
            ),
            Self::Packing { .. } => Some(
                "`config.json` and the weights do not belong together, or the conversion was cut short; convert again"
                    .to_owned(),
            ),
            Self::Malformed { .. } | Self::Archive { .. } => Some("the file may be half downloaded; fetch it again".to_owned()),
            Self::NotFinite { .. } => {
                Some("the checkpoint itself is broken; no arm could give a result".to_owned())
            }
            _ => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File(error) => error.kind(ErrorKind::Model),
            Self::Missing { .. }
            | Self::Malformed { .. }
            | Self::Archive { .. }
            | Self::Index { .. }
            | Self::Duplicate { .. }
            | Self::Untied { .. }
            | Self::Absent { .. }
            | Self::Unexpected { .. }
            | Self::Packing { .. }
            | Self::Shape { .. }
            | Self::ElementType { .. }
            | Self::NotFinite { .. } => ErrorKind::Model,
        }
    }
}

/// One tensor as it lies in its file.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Name in the file.
    pub name: &'a str,
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: &'a [usize],
    /// Little-endian elements, row-major.
    pub bytes: &'a [u8],
}

impl TensorView<'_> {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The elements as 32-bit floats. 16-bit floats are widened exactly.
    pub fn to_f32(&self) -> Result<Vec<f32>, WeightError> {
        let values: Vec<f32> = match self.dtype {
            Dtype::F32 => convert(self.bytes, |chunk: [u8; 4]| f32::from_le_bytes(chunk)),
            Dtype::F16 => convert(self.bytes, |chunk: [u8; 2]| f16::from_le_bytes(chunk).to_f32()),
            Dtype::BF16 => convert(self.bytes, |chunk: [u8; 2]| bf16::from_le_bytes(chunk).to_f32()),
            other => {
                return Err(WeightError::ElementType {
                    name: self.name.to_owned(),
                    found: format!("{other:?}"),
                    expected: "F32, F16 and BF16",
                });
            }
        };
        match values.par_iter().position_first(|value| !value.is_finite()) {
            Some(index) => {
                Err(WeightError::NotFinite { name: self.name.to_owned(), index, value: values[index] })
            }
            None => Ok(values),
        }
    }

    /// The elements as 32-bit words, for packed quantized weights.
    pub fn to_u32(&self) -> Result<Vec<u32>, WeightError> {
        if self.dtype != Dtype::U32 {
            return Err(WeightError::ElementType {
                name: self.name.to_owned(),
                found: format!("{:?}", self.dtype),
                expected: "U32",
            });
        }
        Ok(convert(self.bytes, u32::from_le_bytes))
    }
}

fn convert<T: Send, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T + Sync) -> Vec<T> {
    bytes.as_chunks::<N>().0.par_iter().map(|chunk| read(*chunk)).collect()
}

struct Shard {
    path: PathBuf,
    file: File,
    map: Mmap,
}

/// A tensor as it was found.
struct Found {
    shard: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Bytes,
}

/// All tensors of a folder. Opening reads headers only.
pub struct WeightStore {
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Found>,
}

impl std::fmt::Debug for WeightStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WeightStore").field("files", &self.files()).finish_non_exhaustive()
    }
}

impl WeightStore {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    pub fn open(folder: &Path) -> Result<Self, WeightError> {
        let mut store = Self { shards: Vec::new(), tensors: BTreeMap::new() };
        for path in weight_files(folder)? {
            store.add(path)?;
        }
        Ok(store)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), WeightError> {
        let malformed = |reason: String| WeightError::Malformed { path: path.clone(), reason };
        let file = File::open(&path).map_err(|error| FileError::new("open", &path, error))?;
        if file.metadata().map_err(|error| FileError::new("read", &path, error))?.len() == 0 {
            return Err(malformed("the file is empty".to_owned()));
        }
        // A writer that shortens the file while it is mapped would crash this process. Model files are
        // replaced, not edited, by every tool in use, so the risk is taken for the speed.
        #[expect(unsafe_code, reason = "memory maps are unsafe by nature; see the comment above")]
        let map = unsafe { Mmap::map(&file) }.map_err(|error| FileError::new("map", &path, error))?;
        let shard = self.shards.len();
        let found = if path.extension().is_some_and(|end| end == "npz") {
            let members = npz::members(&map).map_err(|reason| malformed_npz(&path, reason))?;
            members
                .into_iter()
                .map(|Member { name, dtype, shape, bytes }| (name, Found { shard, dtype, shape, bytes }))
                .collect()
        } else {
            tensors(&map, shard).map_err(malformed)?
        };
        for (name, found) in found {
            if self.tensors.insert(name.clone(), found).is_some() {
                return Err(WeightError::Duplicate { name });
            }
        }
        self.shards.push(Shard { path, file, map });
        Ok(())
    }

    /// Whether the names may be those of the converters that wrote `weights.npz`.
    pub fn is_npz(&self) -> bool {
        self.shards.iter().any(|shard| shard.path.extension().is_some_and(|end| end == "npz"))
    }

    /// The files that were opened.
    pub fn files(&self) -> Vec<&Path> {
        self.shards.iter().map(|shard| shard.path.as_path()).collect()
    }

    /// The files as they were opened, and their sizes in bytes: others may lie at their paths by now.
    pub fn opened(&self) -> impl Iterator<Item = (&Path, &File, u64)> {
        self.shards.iter().map(|shard| (shard.path.as_path(), &shard.file, shard.map.len() as u64))
    }

    /// The tensors of one of the files, each with the place of its bytes from the start of the file.
    pub fn places(&self, path: &Path) -> impl Iterator<Item = (&str, Range<u64>)> {
        let tensors = self.tensors.iter().filter(move |(_, found)| self.shards[found.shard].path == path);
        tensors.filter_map(|(name, found)| match &found.bytes {
            Bytes::At(place) => Some((name.as_str(), place.start as u64..place.end as u64)),
            Bytes::Own(_) => None,
        })
    }

    /// Every tensor, by name.
    pub fn iter(&self) -> impl Iterator<Item = TensorView<'_>> {
        self.tensors.iter().map(|(name, found)| self.view(name, found))
    }

    /// One tensor, if it is there.
    pub fn find(&self, name: &str) -> Option<TensorView<'_>> {
        let (name, found) = self.tensors.get_key_value(name)?;
        Some(self.view(name, found))
    }

    fn view<'a>(&'a self, name: &'a str, found: &'a Found) -> TensorView<'a> {
        let bytes = match &found.bytes {
            Bytes::At(place) => &self.shards[found.shard].map[place.clone()],
            Bytes::Own(bytes) => bytes,
        };
        TensorView { name, dtype: found.dtype, shape: &found.shape, bytes }
    }
}

/// The tensors of a safetensors file.
fn tensors(map: &[u8], shard: usize) -> Result<Vec<(String, Found)>, String> {
    let (header_length, metadata) = SafeTensors::read_metadata(map).map_err(|error| error.to_string())?;
    let data_start = header_length + 8;
    let found = metadata.tensors().into_iter().map(|(name, info)| {
        let (start, end) = info.data_offsets;
        if data_start.checked_add(end).is_none_or(|end| end > map.len()) {
            return Err(format!("tensor `{name}` ends beyond the end of the file"));
        }
        let bytes = Bytes::At(data_start + start..data_start + end);
        Ok((name, Found { shard, dtype: info.dtype, shape: info.shape.clone(), bytes }))
    });
    found.collect()
}

fn malformed_npz(path: &Path, reason: String) -> WeightError {
    WeightError::Archive { path: path.to_owned(), reason }
}

/// Names of weights before there were others.
const OLDER: [&str; 2] = ["weights.safetensors", "weights.npz"];

/// The weight files of a folder, without opening them.
pub fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, WeightError> {
    let single = folder.join("model.safetensors");
    let index = folder.join("model.safetensors.index.json");
    if single.is_file() {
        return Ok(vec![single]);
    }
    if index.is_file() {
        return shard_files(folder, &index);
    }
    // What the first converters to MLX wrote.
    if let Some(older) = OLDER.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        return Ok(vec![older]);
    }
    if let Err(error) = std::fs::read_dir(folder) {
        return Err(FileError::new("list", folder, error).into());
    }
    let pickle = ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pkl"]
        .into_iter()
        .find(|name| folder.join(name).exists())
        .map(str::to_owned);
    Err(WeightError::Missing { folder: folder.to_owned(), pickle })
}

fn shard_files(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, WeightError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let wrong = |reason: String| WeightError::Index { path: index.to_owned(), reason };
    let parsed: Index =
        serde_json::from_str(&read_text(index)?).map_err(|error| wrong(format!("is malformed: {error}")))?;
    let mut names: Vec<_> = parsed.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(wrong("names no shard".to_owned()));
    }
    for name in &names {
        if name.contains(['/', '\\']) || name.starts_with('.') || !name.ends_with(".safetensors") {
            return Err(wrong(format!(
                "names the shard `{name}`, which is not a safetensors file of this folder"
            )));
        }
        if !folder.join(name).is_file() {
            return Err(wrong(format!("names the shard `{name}`, which is not there")));
        }
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

#[cfg(test)]
#[path = "weights_tests.rs"]
mod tests;
