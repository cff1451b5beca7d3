//! A model folder's weights under canonical names, handed out once each and accounted for: a
//! tensor that is missing, of another shape, or left over is an error, never a random start.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use safetensors::Dtype;

use crate::{
    config::ModelConfig,
    names::Names,
    pooling,
    quant::{Float, Mode, Scheme},
    quantization::QuantizationConfig,
    weights::{TensorView, WeightError, WeightStore},
};

/// A weight matrix, `rows × columns`, as it is stored.
#[derive(Debug)]
pub enum Matrix<'a> {
    /// Plain floats.
    Dense(TensorView<'a>),
    /// Quantized in groups.
    Packed(PackedMatrix<'a>),
}

impl Matrix<'_> {
    /// Rows and columns of the weights themselves.
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Dense(view) => [view.shape[0], view.shape[1]],
            Self::Packed(PackedMatrix { scales, scheme, .. }) => {
                [scales.shape[0], scales.shape[1] * scheme.group_size() as usize]
            }
        }
    }
}

/// A matrix quantized in groups, as MLX lays it out.
#[derive(Debug)]
pub struct PackedMatrix<'a> {
    /// Path of the module whose weight it is.
    pub module: String,
    /// `rows × columns·bits/32` words.
    pub words: TensorView<'a>,
    /// `rows × columns/group_size` floats, or bytes where the mode is not affine.
    pub scales: TensorView<'a>,
    /// As `scales`, in affine mode.
    pub biases: Option<TensorView<'a>>,
    /// How it is packed.
    pub scheme: Scheme,
}

/// A tensor as it is stored.
#[derive(Debug)]
pub(crate) enum Stored<'a> {
    /// Floats.
    Plain(TensorView<'a>),
    /// Quantized in groups.
    Packed(PackedMatrix<'a>),
}

impl Stored<'_> {
    /// Length of a row.
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Plain(view) => view.shape.last().copied().unwrap_or(1),
            Self::Packed(packed) => packed.scheme.group_size() as usize * packed.scales.shape[1],
        }
    }

    /// The weights that it stands for.
    pub(crate) fn elements(&self) -> usize {
        match self {
            Self::Plain(view) => view.elements(),
            Self::Packed(packed) => packed.scheme.group_size() as usize * packed.scales.elements(),
        }
    }
}

/// An open checkpoint. Take every tensor the model has, then call [`Checkpoint::finish`].
#[derive(Debug)]
pub struct Checkpoint {
    /// That of the model, then those of the modules after it.
    stores: Vec<WeightStore>,
    /// Where each tensor lies: which store, under which name.
    raw_names: BTreeMap<String, (usize, String)>,
    quantization: Option<QuantizationConfig>,
    left: RefCell<BTreeSet<String>>,
}

impl Checkpoint {
    /// Opens the weights that belong to `config`.
    pub fn open(folder: &Path, config: &ModelConfig) -> Result<Self, WeightError> {
        Self::open_with(folder, folder, config)
    }

    /// As [`Checkpoint::open`]; the modules after the encoder are those in `modules` where `folder` has none.
    pub fn open_with(folder: &Path, modules: &Path, config: &ModelConfig) -> Result<Self, WeightError> {
        let mut stores = vec![WeightStore::open(folder)?];
        let names = Names::of(&stores[0], config.architecture)?;
        let mut raw_names: BTreeMap<_, _> =
            names.tensors.into_iter().map(|(name, raw)| (name, (0, raw))).collect();
        for place in config.head.iter().flat_map(pooling::weight_folders) {
            let own = folder.join(place);
            let store = WeightStore::open(&if own.is_dir() { own } else { modules.join(place) })?;
            let names = store.iter().map(|view| view.name.to_owned());
            raw_names.extend(names.map(|raw| (format!("{place}.{raw}"), (stores.len(), raw))));
            stores.push(store);
        }
        let left = RefCell::new(raw_names.keys().cloned().collect());
        Ok(Self { stores, raw_names, quantization: config.quantization.clone(), left })
    }

    /// Parameters stored, quantized ones counted as the weights they stand for.
    pub fn parameters(&self) -> u64 {
        let counted = self.raw_names.iter().filter_map(|(name, (store, raw))| {
            let view = self.stores[*store].find(raw)?;
            let module = name.rsplit_once('.').map_or(name.as_str(), |(module, _)| module);
            match (view.dtype, &self.quantization) {
                (Dtype::U32, Some(config)) => {
                    Some(view.elements() as u64 * 32 / u64::from(config.of(module)?.bits()))
                }
                _ if name.ends_with(".scales") || name.ends_with(".biases") => None,
                _ => Some(view.elements() as u64),
            }
        });
        counted.sum()
    }

    /// The narrowest type that holds the floats of the model, whatever type each is stored in: what a converter
    /// has left wider than the rest would overflow in theirs. Modules after the model follow it.
    pub fn float_type(&self) -> Float {
        let own = self.raw_names.values().filter(|(store, _)| *store == 0);
        let types = own.filter_map(|(_, raw)| Float::of(self.stores[0].find(raw)?.dtype));
        // Neither 16-bit type holds the other.
        types.reduce(|one, other| if one == other { one } else { Float::Float32 }).unwrap_or(Float::Float32)
    }

    /// Whether a tensor of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.raw_names.contains_key(name)
    }

    /// A tensor of floats of exactly this shape, widened to 32 bits.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        self.take(name, shape)?.to_f32()
    }

    /// The matrix `{module}.weight`, quantized or not. How it is quantized is told by what is stored, and must be what
    /// the configuration says of it.
    pub fn matrix(&self, module: &str, rows: usize, columns: usize) -> Result<Matrix<'_>, WeightError> {
        let name = format!("{module}.weight");
        let [scales, biases] = ["scales", "biases"].map(|part| format!("{module}.{part}"));
        let wrong = |reason: String| WeightError::Packing { module: module.to_owned(), reason };
        if !self.has(&scales) {
            let stored = self.view(&name);
            if stored.is_some_and(|view| view.dtype == Dtype::U32) {
                return Err(wrong(format!("`{scales}` is missing")));
            }
            if let Some(Some(own)) = self.quantization.as_ref().and_then(|config| config.own(module)) {
                return Err(wrong(format!("`config.json` says {own}, and the weights are plain floats")));
            }
            return Ok(Matrix::Dense(self.take(&name, &[rows, columns])?));
        }
        let scheme = self.stored(module, columns).map_err(wrong)?;
        if let Some(config) = &self.quantization
            && config.of(module) != Some(scheme)
        {
            let said = config.of(module).map_or("plain floats".to_owned(), |said| said.to_string());
            return Err(wrong(format!("`config.json` says {said}, what is stored has {scheme}")));
        }
        let groups = scheme.groups(columns);
        let biases = scheme.has_biases().then(|| self.take(&biases, &[rows, groups]));
        Ok(Matrix::Packed(PackedMatrix {
            module: module.to_owned(),
            words: self.take(&name, &[rows, scheme.words(columns)])?,
            scales: self.take(&scales, &[rows, groups])?,
            biases: biases.transpose()?,
            scheme,
        }))
    }

    /// How a module is quantized, by the shapes and types of its tensors.
    fn stored(&self, module: &str, columns: usize) -> Result<Scheme, String> {
        let width = |part: &str| {
            let name = format!("{module}.{part}");
            let view = self.view(&name).ok_or_else(|| format!("`{name}` is missing"))?;
            let width = view.shape.last().copied().filter(|width| *width > 0 && view.shape.len() == 2);
            width.map(|width| (width, view.dtype)).ok_or_else(|| format!("`{name}` is no matrix"))
        };
        let ((words, weight), (groups, scale)) = (width("weight")?, width("scales")?);
        if weight != Dtype::U32 {
            return Err(format!("`{module}.weight` has element type {weight:?}, which is not U32"));
        }
        let biases = self.has(&format!("{module}.biases"));
        // Where one dimension is 0, a file may give the other any length.
        let width = words.checked_mul(32).filter(|_| columns > 0);
        let (bits, group_size) = (width.unwrap_or(0) / columns.max(1), columns / groups);
        let fits = width == bits.checked_mul(columns) && group_size * groups == columns;
        let modes = Mode::ALL.into_iter().filter(|mode| match mode {
            Mode::Affine => biases,
            _ => !biases && scale == Dtype::U8,
        });
        let mut schemes = modes.filter_map(|mode| {
            Scheme::new(mode, u32::try_from(bits).ok()?, u32::try_from(group_size).ok()?).ok()
        });
        schemes.next().filter(|_| fits).ok_or_else(|| {
            let without = if biases { "" } else { ", and no biases" };
            format!("{words} words and {groups} scales for {columns} columns{without}: MLX packs nothing so")
        })
    }

    /// Every tensor that stands for weights, with its canonical name: of a quantized matrix all its parts together. One whose
    /// columns are not known, as it is quantized, is left out.
    pub(crate) fn stored_tensors(&self) -> impl Iterator<Item = (String, Stored<'_>)> {
        let names =
            self.raw_names.keys().filter(|name| !name.ends_with(".scales") && !name.ends_with(".biases"));
        names.filter_map(|name| {
            let view = self.view(name).filter(|view| view.dtype != Dtype::U32)?;
            Some((name.clone(), Stored::Plain(view)))
        })
    }

    /// One of them, whose rows are `columns` long.
    pub(crate) fn stored_tensor(
        &self,
        name: &str,
        columns: usize,
    ) -> Result<Option<Stored<'_>>, WeightError> {
        let Some(view) = self.view(name) else { return Ok(None) };
        let module = name.strip_suffix(".weight").filter(|module| self.has(&format!("{module}.scales")));
        let Some(module) = module else { return Ok(Some(Stored::Plain(view))) };
        match self.matrix(module, view.shape.first().copied().unwrap_or(0), columns)? {
            Matrix::Packed(packed) => Ok(Some(Stored::Packed(packed))),
            Matrix::Dense(view) => Ok(Some(Stored::Plain(view))),
        }
    }

    /// Does without a module that the checkpoint may hold.
    pub fn leave(&self, module: &str) {
        let belongs = |name: &String| name.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
        self.left.borrow_mut().retain(|name| !belongs(name));
    }

    /// Fails if a tensor was never asked for, unless its name starts like one of `heads`, which may lie
    /// unused in a checkpoint.
    pub fn finish(&self, heads: &[&str]) -> Result<(), WeightError> {
        let unknown = |name: &&String| !heads.iter().any(|start| name.starts_with(start));
        let names: Vec<_> = self.left.borrow().iter().filter(unknown).cloned().collect();
        if names.is_empty() { Ok(()) } else { Err(WeightError::Unexpected { names }) }
    }

    fn view(&self, name: &str) -> Option<TensorView<'_>> {
        self.raw_names.get(name).and_then(|(store, raw)| self.stores[*store].find(raw))
    }

    fn take(&self, name: &str, shape: &[usize]) -> Result<TensorView<'_>, WeightError> {
        let view = self.view(name).ok_or_else(|| WeightError::Absent { names: vec![name.to_owned()] })?;
        if view.shape != shape {
            return Err(WeightError::Shape {
                name: name.to_owned(),
                found: view.shape.to_vec(),
                expected: shape.to_vec(),
            });
        }
        self.left.borrow_mut().remove(name);
        Ok(view)
    }
}
