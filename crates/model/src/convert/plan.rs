//! What happens to each tensor, decided before anything is written.

use std::path::Path;

use super::{
    ConvertError, Output, Recipe, Shard, config,
    layout::{self, Layout},
    source::Source,
    treatment::treatment,
    whole,
};
use crate::{
    architecture::Architecture,
    names::Names,
    quant::{Affine, Float, range},
    weights::{TensorView, WeightError},
};

/// What is done to a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Packed into codes, with scales and biases of this type.
    Quantize {
        /// Bits and group size.
        affine: Affine,
        /// Type of the scales and biases, to which the weights are rounded first.
        dtype: Float,
    },
    /// Stored as floats of this type.
    Store {
        /// The type.
        dtype: Float,
    },
}

/// One tensor of the source that goes into the artefact.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTensor {
    /// Canonical name, under which it is stored.
    pub name: String,
    /// Name in the source.
    pub source_name: String,
    /// Dimensions in the source.
    pub shape: Vec<usize>,
    /// Element type in the source.
    pub source_dtype: Float,
    /// What is done to it.
    pub action: Action,
    /// Why it is not quantized, or not stored in the type of the recipe.
    pub reason: Option<String>,
}

impl PlannedTensor {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().map(|size| *size as u64).product()
    }

    /// Bytes in the source.
    pub fn source_bytes(&self) -> u64 {
        self.elements() * self.source_dtype.bytes() as u64
    }

    /// Bytes in the artefact.
    pub fn target_bytes(&self) -> u64 {
        self.outputs().iter().map(Output::bytes).sum()
    }

    /// The tensors of the artefact it becomes: one, or weight, scales and biases.
    pub fn outputs(&self) -> Vec<Output> {
        layout::outputs(self)
    }
}

/// A conversion, computed from the headers of the source and the recipe alone.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What was asked for.
    pub recipe: Recipe,
    /// Tensors that are stored, by name.
    pub tensors: Vec<PlannedTensor>,
    /// Tensors that are not stored, and why.
    pub ignored: Vec<(String, String)>,
    /// Files that are copied, relative to the folder, and their sizes.
    pub copied: Vec<(String, u64)>,
    layout: Layout,
    config: Vec<u8>,
    shard_bytes: u64,
}

/// Plans a conversion as `--dry-run` shows it. Reads little more than headers: norms, biases and the like are loaded
/// to see that the model is whole.
pub fn plan(source: &Path, recipe: &Recipe, shard_bytes: u64) -> Result<Plan, ConvertError> {
    Plan::from_headers(&Source::open(source)?, recipe, shard_bytes)
}

impl Plan {
    pub(super) fn from_headers(
        source: &Source,
        recipe: &Recipe,
        shard_bytes: u64,
    ) -> Result<Self, ConvertError> {
        let Names { tensors: names, ignored } = Names::of(&source.store, source.model.architecture)?;
        let views = names.into_iter().filter_map(|(name, raw)| Some((name, source.store.find(&raw)?)));
        let tensors: Vec<_> = views
            .map(|(name, view)| planned(name, &view, source.model.architecture, recipe))
            .collect::<Result<_, _>>()?;
        let quantizes = |tensor: &PlannedTensor| matches!(tensor.action, Action::Quantize { .. });
        if recipe.linear().is_some() && !tensors.iter().any(quantizes) {
            return Err(recipe.nothing_quantized(&source.folder));
        }
        whole::check(&source.folder, &source.model)?;
        Ok(Self {
            layout: Layout::new(&tensors, shard_bytes),
            config: config::with_quantization(&source.config, recipe, &tensors),
            copied: source.copied.clone(),
            recipe: recipe.clone(),
            tensors,
            ignored,
            shard_bytes,
        })
    }

    /// Looks at the values: refuses NaN and infinities, and leaves the type of the source to tensors
    /// whose values would overflow.
    pub(super) fn scan(
        mut self,
        source: &Source,
        mut on_bytes: impl FnMut(u64),
    ) -> Result<Self, ConvertError> {
        for tensor in &mut self.tensors {
            if let Some(view) = source.store.find(&tensor.source_name) {
                scan(tensor, &view)?;
            }
            on_bytes(tensor.source_bytes());
        }
        self.layout = Layout::new(&self.tensors, self.shard_bytes);
        Ok(self)
    }

    /// The weight files.
    pub fn shards(&self) -> &[Shard] {
        &self.layout.shards
    }

    /// The index over the shards, if there is more than one.
    pub fn index(&self) -> Option<&[u8]> {
        self.layout.index.as_deref()
    }

    /// `config.json` of the artefact.
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// Bytes of all source tensors that are stored.
    pub fn source_bytes(&self) -> u64 {
        self.tensors.iter().map(PlannedTensor::source_bytes).sum()
    }

    /// Size of the artefact in bytes, computed from shapes and the recipe: weights with their headers,
    /// index, `config.json` and copied files. `conversion_metadata.json` does not count, as it is about
    /// the artefact.
    pub fn size_bytes(&self) -> u64 {
        let weights: u64 = self.layout.shards.iter().map(Shard::file_bytes).sum();
        let index = self.layout.index.as_ref().map_or(0, Vec::len) as u64;
        let copied: u64 = self.copied.iter().map(|(_, size)| size).sum();
        weights + index + self.config.len() as u64 + copied
    }
}

fn planned(
    name: String,
    view: &TensorView<'_>,
    architecture: &Architecture,
    recipe: &Recipe,
) -> Result<PlannedTensor, ConvertError> {
    let source_dtype = float(view)?;
    let dtype = recipe.stored(source_dtype);
    let (action, reason) = match treatment(&name, view.shape, architecture, recipe) {
        Ok(affine) => (Action::Quantize { affine, dtype }, None),
        // Where nothing is quantized, the recipe says enough.
        Err(reason) => (Action::Store { dtype }, recipe.linear().map(|_| reason)),
    };
    let (source_name, shape) = (view.name.to_owned(), view.shape.to_vec());
    Ok(PlannedTensor { name, source_name, shape, source_dtype, action, reason })
}

fn float(view: &TensorView<'_>) -> Result<Float, ConvertError> {
    Float::of(view.dtype).ok_or_else(|| ConvertError::ElementType {
        name: view.name.to_owned(),
        found: format!("{:?}", view.dtype),
    })
}

fn scan(tensor: &mut PlannedTensor, view: &TensorView<'_>) -> Result<(), ConvertError> {
    let range = range(view.bytes, tensor.source_dtype);
    if let Some((index, value)) = range.not_finite {
        return Err(WeightError::NotFinite { name: view.name.to_owned(), index, value }.into());
    }
    let (Action::Quantize { dtype, .. } | Action::Store { dtype }) = &mut tensor.action;
    if !dtype.holds(range.largest) {
        let overflow = format!(
            "values up to {:e} do not fit {}, kept as {}",
            range.largest,
            dtype.name(),
            tensor.source_dtype.name()
        );
        *dtype = tensor.source_dtype;
        tensor.reason = Some(match tensor.reason.take() {
            Some(reason) => format!("{reason}; {overflow}"),
            None => overflow,
        });
    }
    Ok(())
}
