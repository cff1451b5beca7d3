//! Whether a model is whole before it is converted: it is loaded, and nothing is made of its parts.

use std::{ops::Range, path::Path};

use super::ConvertError;
use crate::{
    blueprint::{
        deberta_v2::{Convolution, Distances},
        head::{Head, Output},
        post_norm::RelativeBias,
    },
    checkpoint::{Checkpoint, Matrix},
    config::ModelConfig,
    holdings::{Holding, Tally},
    load::{LoadedModel, Parts},
};

/// Fails where a tensor is missing, has another shape than the configuration says, or is used by nothing, as loading
/// the artefact would.
pub(super) fn check(folder: &Path, config: &ModelConfig) -> Result<(), ConvertError> {
    check_with(&Checkpoint::open(folder, config)?, config, &Tally::default())
}

/// As [`check`], of what is open. The matrices are counted.
pub(crate) fn check_with(
    checkpoint: &Checkpoint,
    config: &ModelConfig,
    tally: &Tally,
) -> Result<(), ConvertError> {
    // A bare encoder can be converted, whatever may be made of it later.
    let bare = Head { output: Output::Embedding, picks: Vec::new(), steps: Vec::new() };
    LoadedModel::load(&Nothing(tally), checkpoint, config, config.head.as_ref().unwrap_or(&bare))?;
    Ok(())
}

/// How the matrices of a folder are stored. The model is loaded into nothing for it: a tensor that is missing, of another
/// shape, or quantized otherwise than the configuration says is an error. `modules` is the folder of the modules after the
/// encoder that this one has not.
pub fn holdings(folder: &Path, modules: &Path, config: &ModelConfig) -> Result<Vec<Holding>, ConvertError> {
    let tally = Tally::default();
    check_with(&Checkpoint::open_with(folder, modules, config)?, config, &tally)?;
    Ok(tally.into_holdings())
}

/// Parts that are nothing at all, but counted.
struct Nothing<'t>(&'t Tally);

impl Parts for Nothing<'_> {
    type Error = ConvertError;
    type Table = ();
    type Linear = ();
    type Norm = ();
    type RelativeBias = ();
    type DistanceVectors = ();
    type DistanceRows = ();
    type Convolution = ();
    type Rope = ();
    type Window = ();

    fn table(&self, matrix: &Matrix<'_>, _: f32) -> Result<(), ConvertError> {
        self.0.add(matrix);
        Ok(())
    }

    fn linear(&self, matrices: &[Matrix<'_>], _: Option<Vec<f32>>) -> Result<(), ConvertError> {
        matrices.iter().for_each(|matrix| self.0.add(matrix));
        Ok(())
    }

    fn norm(&self, _: Vec<f32>, _: Option<Vec<f32>>, _: Option<f32>) -> Result<(), ConvertError> {
        Ok(())
    }

    fn norm_rows(&self, (): &(), (): &()) -> Result<(), ConvertError> {
        Ok(())
    }

    fn relative_bias(&self, (): &(), _: &RelativeBias, _: usize) -> Result<(), ConvertError> {
        Ok(())
    }

    fn distance_vectors(
        &self,
        (): &(),
        (): &(),
        _: Range<usize>,
        _: usize,
        _: f32,
    ) -> Result<(), ConvertError> {
        Ok(())
    }

    fn distance_rows(&self, _: Distances, _: usize) {}

    fn convolution(&self, _: Vec<f32>, _: Vec<f32>, _: &Convolution) -> Result<(), ConvertError> {
        Ok(())
    }

    fn rope(&self, _: Vec<f32>) {}

    fn window(&self, _: usize) {}
}
