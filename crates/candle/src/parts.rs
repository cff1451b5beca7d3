//! From the numbers of a checkpoint to candle tensors of 32-bit floats.

use std::{ops::Range, sync::Arc};

use candle_core::{Device, Tensor};
use gatecheck_model::{
    blueprint::{
        deberta_v2::{self, Distances},
        post_norm::RelativeBias,
    },
    checkpoint::Matrix,
    config::ConfigError,
    load::Parts,
};

use crate::{
    Failure,
    convolution::Convolution,
    disentangled::{DistanceRows, Panels},
    linear::{Linear, Norm},
    rope::Rope,
    scores::{ByDistance, Window},
    work::Recorder,
};

/// The parts of this crate.
#[derive(Default)]
pub(crate) struct Candle {
    /// For whatever does products.
    pub(crate) recorder: Arc<Recorder>,
}

impl Parts for Candle {
    type Error = Failure;
    type Table = Tensor;
    type Linear = Linear;
    type Norm = Norm;
    type RelativeBias = ByDistance;
    type DistanceVectors = Panels;
    type DistanceRows = DistanceRows;
    type Convolution = Convolution;
    type Rope = Rope;
    type Window = Window;

    fn table(&self, matrix: &Matrix<'_>, scale: f32) -> Result<Tensor, Failure> {
        let table = Tensor::from_vec(floats(matrix)?, matrix.shape().as_slice(), &Device::Cpu)?;
        Ok(if scale == 1.0 { table } else { (table * f64::from(scale))? })
    }

    fn linear(&self, matrices: &[Matrix<'_>], bias: Option<Vec<f32>>) -> Result<Linear, Failure> {
        let (mut weight, mut outputs, mut inputs) = (Vec::new(), 0, 0);
        for matrix in matrices {
            weight.extend(floats(matrix)?);
            let [rows, columns] = matrix.shape();
            (outputs, inputs) = (outputs + rows, columns);
        }
        let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
        Ok(Linear::new(weight, bias, inputs, &self.recorder)?)
    }

    fn norm(&self, scale: Vec<f32>, shift: Option<Vec<f32>>, epsilon: Option<f32>) -> Result<Norm, Failure> {
        let width = scale.len();
        let shift = shift.unwrap_or_else(|| vec![0.0; width]);
        let vector = |values: Vec<f32>| Tensor::from_vec(values, width, &Device::Cpu);
        Ok(Norm { scale: vector(scale)?, shift: vector(shift)?, epsilon })
    }

    fn norm_rows(&self, norm: &Norm, table: &Tensor) -> Result<Tensor, Failure> {
        Ok(norm.forward(table)?)
    }

    fn relative_bias(
        &self,
        table: &Tensor,
        bias: &RelativeBias,
        longest: usize,
    ) -> Result<ByDistance, Failure> {
        Ok(ByDistance::new(&table.to_vec2()?, bias, longest))
    }

    fn distance_vectors(
        &self,
        table: &Tensor,
        projection: &Linear,
        columns: Range<usize>,
        heads: usize,
        scale: f32,
    ) -> Result<Panels, Failure> {
        let hidden = columns.len();
        let projected = projection.forward(table)?.narrow(1, columns.start, hidden)?;
        let vectors: Vec<f32> = projected.contiguous()?.flatten_all()?.to_vec1()?;
        Ok(Panels::new(&vectors, (hidden, heads), scale))
    }

    fn distance_rows(&self, distances: Distances, longest: usize) -> DistanceRows {
        DistanceRows::new(&distances.by_distance(longest), longest)
    }

    fn convolution(
        &self,
        weight: Vec<f32>,
        bias: Vec<f32>,
        shape: &deberta_v2::Convolution,
    ) -> Result<Convolution, Failure> {
        Ok(Convolution::new(&weight, bias, shape, &self.recorder)?)
    }

    fn rope(&self, wavelengths: Vec<f32>) -> Rope {
        Rope::new(wavelengths)
    }

    fn window(&self, reach: usize) -> Window {
        Window { reach }
    }
}

fn floats(matrix: &Matrix<'_>) -> Result<Vec<f32>, Failure> {
    match matrix {
        Matrix::Dense(view) => Ok(view.to_f32()?),
        // The baseline is the original by definition; an artefact in its place is a mix-up.
        Matrix::Packed(packed) => Err(ConfigError::Inconsistent(format!(
            "`{}` is quantized; the candle arm runs original weights only",
            packed.module
        ))
        .into()),
    }
}
