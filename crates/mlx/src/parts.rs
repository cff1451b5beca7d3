//! From the numbers of a checkpoint to MLX arrays.

use std::ops::Range;

use gatecheck_model::{
    blueprint::{
        deberta_v2::{self, Distances},
        post_norm::RelativeBias,
    },
    checkpoint::{Checkpoint, Matrix, PackedMatrix},
    load::Parts,
    quant::Float,
    weights::TensorView,
};
use mlx_rs::{Array, Dtype, error::Exception};

use crate::{
    Execution, Failure,
    convolution::Convolution,
    disentangled::{DistanceRows, vectors},
    linear::{Linear, Norm, Weight},
    packed::Packed,
    relative::ByDistance,
    window::Window,
};

/// The parts of this crate, as they are to be executed.
pub(crate) struct Mlx {
    dequantize: bool,
    dtype: Dtype,
}

impl Mlx {
    pub(crate) fn new(checkpoint: &Checkpoint, execution: Execution) -> Self {
        let stored = || match checkpoint.float_type() {
            Float::Float16 => Dtype::Float16,
            Float::Bfloat16 => Dtype::Bfloat16,
            Float::Float32 => Dtype::Float32,
        };
        Self { dequantize: execution.dequantize, dtype: execution.dtype.unwrap_or_else(stored) }
    }

    /// Element type of activations.
    pub(crate) fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn array(&self, values: &[f32], shape: &[usize]) -> Result<Array, Exception> {
        let shape: Vec<i32> = shape.iter().map(|size| *size as i32).collect();
        Array::from_slice(values, &shape).as_dtype(self.dtype)
    }

    fn vector(&self, values: &[f32]) -> Result<Array, Exception> {
        let array = self.array(values, &[values.len()])?;
        array.eval()?;
        Ok(array)
    }

    fn weight(&self, matrix: &Matrix<'_>) -> Result<Weight, Failure> {
        match matrix {
            Matrix::Dense(view) => Ok(Weight::Dense(self.array(&view.to_f32()?, &matrix.shape())?)),
            Matrix::Packed(packed) => self.packed(packed),
        }
    }

    fn packed(&self, packed: &PackedMatrix<'_>) -> Result<Weight, Failure> {
        let PackedMatrix { words, scales, biases, scheme, .. } = packed;
        let shape = |view: &TensorView<'_>| [view.shape[0] as i32, view.shape[1] as i32];
        let codes = Array::from_slice(&words.to_u32()?, &shape(words));
        // In 32 bits where they are unpacked, so that nothing is lost beyond the quantization itself.
        let dtype = if self.dequantize { Dtype::Float32 } else { self.dtype };
        let floats = |view: &TensorView<'_>| -> Result<Array, Failure> {
            Ok(Array::from_slice(&view.to_f32()?, &shape(view)).as_dtype(dtype)?)
        };
        let scales = match scheme.has_biases() {
            true => floats(scales)?,
            false => Array::from_slice(scales.bytes, &shape(scales)),
        };
        let biases = biases.as_ref().map(floats).transpose()?;
        let packed = Packed { words: codes, scales, biases, scheme: *scheme };
        if self.dequantize {
            return Ok(Weight::Dense(packed.dequantize(dtype)?.as_dtype(self.dtype)?));
        }
        Ok(Weight::Packed(packed))
    }
}

impl Parts for Mlx {
    type Error = Failure;
    type Table = Array;
    type Linear = Linear;
    type Norm = Norm;
    type RelativeBias = ByDistance;
    type DistanceVectors = Array;
    type DistanceRows = DistanceRows;
    type Convolution = Convolution;
    /// As [`mlx_rs::fast::rope`] takes the wavelengths.
    type Rope = Array;
    type Window = Window;

    fn table(&self, matrix: &Matrix<'_>, scale: f32) -> Result<Array, Failure> {
        let mut table = self.weight(matrix)?.unpacked(self.dtype)?;
        if scale != 1.0 {
            table = table.multiply(Array::from_f32(scale).as_dtype(table.dtype())?)?;
        }
        table.eval()?;
        Ok(table)
    }

    fn linear(&self, matrices: &[Matrix<'_>], bias: Option<Vec<f32>>) -> Result<Linear, Failure> {
        let weights = matrices.iter().map(|matrix| self.weight(matrix)).collect::<Result<Vec<_>, _>>()?;
        let bias = bias.map(|bias| self.vector(&bias)).transpose()?;
        // Packed rows stack as plain ones do, since groups run along a row.
        Ok(Linear::new(Weight::stack(weights, self.dtype)?, bias)?)
    }

    fn norm(&self, scale: Vec<f32>, shift: Option<Vec<f32>>, epsilon: Option<f32>) -> Result<Norm, Failure> {
        let shift = shift.map(|shift| self.vector(&shift)).transpose()?;
        Ok(Norm { scale: self.vector(&scale)?, shift, epsilon })
    }

    fn norm_rows(&self, norm: &Norm, table: &Array) -> Result<Array, Failure> {
        Ok(norm.forward(table)?)
    }

    fn relative_bias(
        &self,
        table: &Array,
        bias: &RelativeBias,
        _longest: usize,
    ) -> Result<ByDistance, Failure> {
        Ok(ByDistance::new(table, bias)?)
    }

    fn distance_vectors(
        &self,
        table: &Array,
        projection: &Linear,
        columns: Range<usize>,
        heads: usize,
        scale: f32,
    ) -> Result<Array, Failure> {
        Ok(vectors(table, projection, columns, heads, scale)?)
    }

    fn distance_rows(&self, distances: Distances, _longest: usize) -> DistanceRows {
        DistanceRows::new(distances)
    }

    fn convolution(
        &self,
        weight: Vec<f32>,
        bias: Vec<f32>,
        shape: &deberta_v2::Convolution,
    ) -> Result<Convolution, Failure> {
        let hidden = bias.len();
        let weight = self.array(&weight, &[hidden, hidden / shape.groups, shape.width])?;
        Ok(Convolution::new(&weight, self.vector(&bias)?, shape)?)
    }

    fn rope(&self, wavelengths: Vec<f32>) -> Array {
        Array::from_slice(&wavelengths, &[wavelengths.len() as i32])
    }

    fn window(&self, reach: usize) -> Window {
        Window::new(reach)
    }
}
