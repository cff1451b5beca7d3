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
    load::{LoadedModel, Parts},
};

/// Fails where a tensor is missing, has another shape than the configuration says, or is used by nothing, as loading
/// the artefact would.
pub(super) fn check(folder: &Path, config: &ModelConfig) -> Result<(), ConvertError> {
    check_with(&Checkpoint::open(folder, config)?, config)
}

/// As [`check`], of what is open.
pub(crate) fn check_with(checkpoint: &Checkpoint, config: &ModelConfig) -> Result<(), ConvertError> {
    // A bare encoder can be converted, whatever may be made of it later.
    let bare = Head { output: Output::Embedding, picks: Vec::new(), steps: Vec::new() };
    LoadedModel::load(&Nothing, checkpoint, config, config.head.as_ref().unwrap_or(&bare))?;
    Ok(())
}

/// Parts that are nothing at all.
struct Nothing;

impl Parts for Nothing {
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

    fn table(&self, _: &Matrix<'_>, _: f32) -> Result<(), ConvertError> {
        Ok(())
    }

    fn linear(&self, _: &[Matrix<'_>], _: Option<Vec<f32>>) -> Result<(), ConvertError> {
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
