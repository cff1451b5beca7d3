//! From a checkpoint to MLX arrays.

use gatecheck_model::{
    checkpoint::{Checkpoint, Matrix, PackedMatrix},
    head::{Dense, NormName},
};
use mlx_rs::{Array, Dtype, error::Exception, ops};

use crate::{
    Execution, Failure,
    layers::{Linear, Norm, Weight},
};

/// Takes the parts of a model out of a checkpoint.
pub(crate) struct Loader<'a> {
    checkpoint: &'a Checkpoint,
    dequantize: bool,
    dtype: Dtype,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(checkpoint: &'a Checkpoint, execution: Execution) -> Result<Self, Failure> {
        let stored = || match checkpoint.float_type() {
            Some(safetensors::Dtype::F16) => Dtype::Float16,
            Some(safetensors::Dtype::BF16) => Dtype::Bfloat16,
            _ => Dtype::Float32,
        };
        Ok(Self {
            checkpoint,
            dequantize: execution.dequantize,
            dtype: execution.dtype.unwrap_or_else(stored),
        })
    }

    /// Does without a module that the checkpoint may hold.
    pub(crate) fn leave(&self, module: &str) {
        self.checkpoint.leave(module);
    }

    /// Element type of activations.
    pub(crate) fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn array(&self, values: &[f32], shape: &[usize]) -> Result<Array, Exception> {
        let shape: Vec<i32> = shape.iter().map(|size| *size as i32).collect();
        Array::from_slice(values, &shape).as_dtype(self.dtype)
    }

    fn weight(&self, module: &str, rows: usize, columns: usize) -> Result<Weight, Failure> {
        match self.checkpoint.matrix(module, rows, columns)? {
            Matrix::Dense(view) => Ok(Weight::Dense(self.array(&view.to_f32()?, &[rows, columns])?)),
            Matrix::Packed(packed) => self.packed(&packed, rows, columns),
        }
    }

    fn packed(&self, packed: &PackedMatrix<'_>, rows: usize, columns: usize) -> Result<Weight, Failure> {
        let PackedMatrix { words, scales, biases, bits, group_size } = packed;
        let (bits, group_size) = (*bits as i32, *group_size as i32);
        let width = columns * bits as usize / 32;
        let words = Array::from_slice(&words.to_u32()?, &[rows as i32, width as i32]);
        let groups = [rows, columns / group_size as usize];
        let (scales, biases) = (scales.to_f32()?, biases.to_f32()?);
        if self.dequantize {
            // In 32 bits, so that nothing is lost beyond the quantization itself.
            let shape = groups.map(|size| size as i32);
            let (scales, biases) = (Array::from_slice(&scales, &shape), Array::from_slice(&biases, &shape));
            let dense = ops::dequantize(&words, &scales, &biases, group_size, bits)?.as_dtype(self.dtype)?;
            return Ok(Weight::Dense(dense));
        }
        let (scales, biases) = (self.array(&scales, &groups)?, self.array(&biases, &groups)?);
        Ok(Weight::Packed { words, scales, biases, group_size, bits })
    }

    /// The matrix `{module}.weight` as a table of rows, always unpacked.
    pub(crate) fn table(&self, module: &str, rows: usize, columns: usize) -> Result<Array, Failure> {
        let table = match self.weight(module, rows, columns)? {
            Weight::Dense(table) => table,
            Weight::Packed { words, scales, biases, group_size, bits } => {
                ops::dequantize(&words, &scales, &biases, group_size, bits)?
            }
        };
        table.eval()?;
        Ok(table)
    }

    /// The tensor `name`.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Array, Failure> {
        Ok(self.array(&self.checkpoint.floats(name, shape)?, shape)?)
    }

    /// A linear layer with bias.
    pub(crate) fn linear(&self, module: &str, outputs: usize, inputs: usize) -> Result<Linear, Failure> {
        self.stacked(&[module], outputs, inputs)
    }

    /// Several linear layers of the same input as one, their outputs side by side. Packed rows stack
    /// as plain ones do, since groups run along a row.
    pub(crate) fn stacked<S: AsRef<str>>(
        &self,
        modules: &[S],
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, Failure> {
        let weights: Result<Vec<_>, _> =
            modules.iter().map(|module| self.weight(module.as_ref(), outputs, inputs)).collect();
        let biases: Result<Vec<_>, Failure> = modules
            .iter()
            .map(|module| {
                let values = self.checkpoint.floats(&format!("{}.bias", module.as_ref()), &[outputs])?;
                Ok(self.array(&values, &[outputs])?)
            })
            .collect();
        Ok(Linear::new(Weight::stack(weights?)?, Some(ops::concatenate(&biases?, 0)?))?)
    }

    /// The linear layer of `dense`, without what follows it.
    pub(crate) fn linear_of(&self, dense: &Dense) -> Result<Linear, Failure> {
        let Dense { module, inputs, outputs, bias, .. } = dense;
        if *bias {
            return self.linear(module, *outputs, *inputs);
        }
        Ok(Linear::new(self.weight(module, *outputs, *inputs)?, None)?)
    }

    /// A layer norm with bias.
    pub(crate) fn norm(&self, module: &str, width: usize, epsilon: f32) -> Result<Norm, Failure> {
        self.norm_of(&NormName { module: module.to_owned(), epsilon: Some(epsilon), bias: true }, width)
    }

    /// A layer norm.
    pub(crate) fn norm_of(&self, name: &NormName, width: usize) -> Result<Norm, Failure> {
        let vector = |kind: &str| -> Result<Array, Failure> {
            let values = self.checkpoint.floats(&format!("{}.{kind}", name.module), &[width])?;
            let array = self.array(&values, &[width])?;
            array.eval()?;
            Ok(array)
        };
        let shift = name.bias.then(|| vector("bias")).transpose()?;
        Ok(Norm { scale: vector("weight")?, shift, epsilon: name.epsilon })
    }
}
