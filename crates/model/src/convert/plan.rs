//! What happens to each tensor, decided before anything is written.

use std::{collections::BTreeMap, path::Path};

use super::{
    ConvertError, Loss, Output, Recipe, Shard, config,
    layout::{self, Layout},
    source::Source,
    treatment::{Treatment, check_rules},
    whole,
};
use crate::{
    names::Names,
    quant::{Float, Scheme},
    weights::TensorView,
};

/// What is done to a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Packed into codes, with scales and biases of this type.
    Quantize {
        /// Mode, bits and group size.
        scheme: Scheme,
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
    /// Name in the artefact.
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
    /// What was lost, where it has been converted.
    pub loss: Option<Loss>,
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
        let treatment = Treatment::new(source.model.architecture, &source.model.graph, recipe);
        let stored = |name: &str, raw: &str| source.model.stored_name(name, raw);
        let views = names.into_iter().filter_map(|(name, raw)| {
            let stored = stored(&name, &raw);
            Some((name, stored, source.store.find(&raw)?))
        });
        let mut tensors: Vec<_> = views
            .map(|(name, stored, view)| planned(&name, stored, &view, &treatment, recipe))
            .collect::<Result<_, _>>()?;
        tensors.sort_by(|one, other| one.name.cmp(&other.name));
        check_rules(recipe, tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())))?;
        let quantizes = |tensor: &PlannedTensor| matches!(tensor.action, Action::Quantize { .. });
        if recipe.quantizes() && !tensors.iter().any(quantizes) {
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

    /// Leaves the type of the source to tensors whose values would overflow. Given are their positions and their largest
    /// magnitudes.
    pub(super) fn widen(&mut self, overflows: &BTreeMap<usize, f32>) {
        for (position, largest) in overflows {
            let tensor = &mut self.tensors[*position];
            let source = tensor.source_dtype;
            let (Action::Quantize { dtype, .. } | Action::Store { dtype }) = &mut tensor.action;
            let (wide, kept) = (dtype.name(), source.name());
            let overflow = format!("values up to {largest:e} do not fit {wide}, kept as {kept}");
            *dtype = source;
            tensor.reason = Some(match tensor.reason.take() {
                Some(reason) => format!("{reason}; {overflow}"),
                None => overflow,
            });
        }
        self.layout = Layout::new(&self.tensors, self.shard_bytes);
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

/// `name` is canonical, `stored` that in the artefact.
fn planned(
    name: &str,
    stored: String,
    view: &TensorView<'_>,
    treatment: &Treatment<'_>,
    recipe: &Recipe,
) -> Result<PlannedTensor, ConvertError> {
    let source_dtype = float(view)?;
    let dtype = recipe.stored(source_dtype);
    let (action, reason) = match treatment.of(name, &stored, view.shape) {
        Ok(scheme) => (Action::Quantize { scheme, dtype }, None),
        // Where nothing is quantized, the recipe says enough.
        Err(reason) => (Action::Store { dtype }, recipe.quantizes().then_some(reason)),
    };
    let (source_name, shape) = (view.name.to_owned(), view.shape.to_vec());
    Ok(PlannedTensor { name: stored, source_name, shape, source_dtype, action, reason, loss: None })
}

fn float(view: &TensorView<'_>) -> Result<Float, ConvertError> {
    Float::of(view.dtype).ok_or_else(|| ConvertError::ElementType {
        name: view.name.to_owned(),
        found: format!("{:?}", view.dtype),
    })
}
