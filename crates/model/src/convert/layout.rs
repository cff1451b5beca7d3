//! Where each tensor of the artefact lies, known before a byte is written.

use safetensors::Dtype;
use serde_json::{Map, Value, json};

use super::{Action, PlannedTensor};
use crate::quant::Float;

/// A tensor of the artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions.
    pub shape: Vec<usize>,
}

impl Output {
    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        let elements: u64 = self.shape.iter().map(|size| *size as u64).product();
        elements * self.dtype.bitsize() as u64 / 8
    }
}

/// A tensor and its place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardedOutput {
    /// Position among the plan's tensors.
    pub tensor: usize,
    /// The tensor itself.
    pub output: Output,
    /// Where its bytes start, from the beginning of the file.
    pub offset: u64,
}

/// One weight file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its name.
    pub file_name: String,
    /// Eight bytes of length and the JSON header, padded.
    pub header: Vec<u8>,
    /// What follows, in order and without gaps.
    pub outputs: Vec<ShardedOutput>,
}

impl Shard {
    /// Length of the file.
    pub fn file_bytes(&self) -> u64 {
        self.header.len() as u64 + self.outputs.iter().map(|one| one.output.bytes()).sum::<u64>()
    }
}

/// All weight files, and the index if there are several.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) shards: Vec<Shard>,
    pub(super) index: Option<Vec<u8>>,
}

impl Layout {
    /// Fills shards up to `shard_bytes`; what one tensor becomes stays together.
    pub(super) fn new(tensors: &[PlannedTensor], shard_bytes: u64) -> Self {
        let (mut groups, mut filled) = (vec![Vec::new()], 0);
        for (position, tensor) in tensors.iter().enumerate() {
            let bytes = tensor.target_bytes();
            if filled > 0 && filled + bytes > shard_bytes {
                groups.push(Vec::new());
                filled = 0;
            }
            filled += bytes;
            if let Some(group) = groups.last_mut() {
                group.extend(tensor.outputs().into_iter().map(|output| (position, output)));
            }
        }
        let count = groups.len();
        let name = |at: usize| match count {
            1 => "model.safetensors".to_owned(),
            _ => format!("model-{:05}-of-{count:05}.safetensors", at + 1),
        };
        let shards: Vec<_> =
            groups.into_iter().enumerate().map(|(at, group)| shard(name(at), group)).collect();
        let index = (count > 1).then(|| index(&shards, tensors));
        Self { shards, index }
    }
}

/// What a planned tensor becomes, by MLX's names.
pub(super) fn outputs(tensor: &PlannedTensor) -> Vec<Output> {
    let (scheme, dtype) = match tensor.action {
        Action::Store { dtype } => {
            let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
            return vec![Output { name, dtype: stored(dtype), shape }];
        }
        Action::Quantize { scheme, dtype } => (scheme, dtype),
    };
    let module = tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name);
    let with_columns = |columns: usize| {
        let mut shape = tensor.shape.clone();
        if let Some(last) = shape.last_mut() {
            *last = columns;
        }
        shape
    };
    let columns = tensor.shape.last().copied().unwrap_or(0);
    let groups = with_columns(scheme.groups(columns));
    let scale = if scheme.has_biases() { stored(dtype) } else { Dtype::U8 };
    let weight = (Dtype::U32, with_columns(scheme.words(columns)));
    let mut outputs = vec![("weight", weight), ("scales", (scale, groups.clone()))];
    if scheme.has_biases() {
        outputs.push(("biases", (scale, groups)));
    }
    let output = |(part, (dtype, shape))| Output { name: format!("{module}.{part}"), dtype, shape };
    outputs.into_iter().map(output).collect()
}

fn stored(float: Float) -> Dtype {
    match float {
        Float::Float32 => Dtype::F32,
        Float::Float16 => Dtype::F16,
        Float::Bfloat16 => Dtype::BF16,
    }
}

/// Wide elements come first, so that each tensor is aligned to its elements.
fn shard(file_name: String, mut outputs: Vec<(usize, Output)>) -> Shard {
    outputs.sort_by(|(_, left), (_, right)| {
        right.dtype.bitsize().cmp(&left.dtype.bitsize()).then_with(|| left.name.cmp(&right.name))
    });
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "mlx" }));
    let mut end = 0;
    let mut starts = Vec::new();
    for (_, output) in &outputs {
        let start = end;
        end += output.bytes();
        starts.push(start);
        let entry = json!({ "dtype": output.dtype, "shape": output.shape, "data_offsets": [start, end] });
        header.insert(output.name.clone(), entry);
    }
    let header = framed(&Value::Object(header));
    let data_start = header.len() as u64;
    let outputs = outputs
        .into_iter()
        .zip(starts)
        .map(|((tensor, output), start)| ShardedOutput { tensor, output, offset: data_start + start })
        .collect();
    Shard { file_name, header, outputs }
}

/// The length and the header, padded with spaces to a multiple of eight bytes.
fn framed(header: &Value) -> Vec<u8> {
    let mut text = header.to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let mut framed = (text.len() as u64).to_le_bytes().to_vec();
    framed.extend(text.into_bytes());
    framed
}

fn index(shards: &[Shard], tensors: &[PlannedTensor]) -> Vec<u8> {
    let all = || shards.iter().flat_map(|shard| shard.outputs.iter().map(move |one| (shard, one)));
    let mut map: Vec<_> =
        all().map(|(shard, one)| (one.output.name.clone(), Value::String(shard.file_name.clone()))).collect();
    map.sort_by(|left, right| left.0.cmp(&right.0));
    let index = json!({
        "metadata": {
            "total_size": all().map(|(_, one)| one.output.bytes()).sum::<u64>(),
            "total_parameters": tensors.iter().map(PlannedTensor::elements).sum::<u64>(),
        },
        "weight_map": map.into_iter().collect::<Map<_, _>>(),
    });
    format!("{index:#}\n").into_bytes()
}
