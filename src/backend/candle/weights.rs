//! From a checkpoint to candle tensors of 32-bit floats.

use candle_core::{Device, Tensor};

use super::linear::{Linear, Norm};
use crate::{
    backend::BackendError,
    model::{
        checkpoint::{Checkpoint, Matrix},
        config::ConfigError,
        head::{Dense, NormName},
    },
};

/// Takes the parts of a model out of a checkpoint.
pub(super) struct Loader<'a> {
    pub(super) checkpoint: &'a Checkpoint,
}

impl Loader<'_> {
    fn floats(&self, module: &str, rows: usize, columns: usize) -> Result<Vec<f32>, BackendError> {
        match self.checkpoint.matrix(module, rows, columns)? {
            Matrix::Dense(view) => Ok(view.to_f32()?),
            // The baseline is the original by definition; an artefact in its place is a mix-up.
            Matrix::Packed(_) => Err(ConfigError::Inconsistent(format!(
                "`{module}` is quantized; the candle arm runs original weights only"
            ))
            .into()),
        }
    }

    /// The matrix `{module}.weight`.
    pub(super) fn matrix(&self, module: &str, rows: usize, columns: usize) -> Result<Tensor, BackendError> {
        Ok(Tensor::from_vec(self.floats(module, rows, columns)?, (rows, columns), &Device::Cpu)?)
    }

    /// A linear layer with bias.
    pub(super) fn linear(&self, module: &str, outputs: usize, inputs: usize) -> Result<Linear, BackendError> {
        self.stacked(&[module], outputs, inputs)
    }

    /// Several linear layers of the same input as one, their outputs side by side.
    pub(super) fn stacked<S: AsRef<str>>(
        &self,
        modules: &[S],
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, BackendError> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for module in modules {
            weight.extend(self.floats(module.as_ref(), outputs, inputs)?);
            bias.extend(self.checkpoint.floats(&format!("{}.bias", module.as_ref()), &[outputs])?);
        }
        Ok(Linear::new(weight, bias, inputs)?)
    }

    /// The linear layer of `dense`, without what follows it.
    pub(super) fn linear_of(&self, dense: &Dense) -> Result<Linear, BackendError> {
        let Dense { module, inputs, outputs, bias, .. } = dense;
        if *bias {
            return self.linear(module, *outputs, *inputs);
        }
        Ok(Linear::new(self.floats(module, *outputs, *inputs)?, vec![0.0; *outputs], *inputs)?)
    }

    /// A layer norm with bias.
    pub(super) fn norm(&self, module: &str, width: usize, epsilon: f32) -> Result<Norm, BackendError> {
        self.norm_of(&NormName { module: module.to_owned(), epsilon: Some(epsilon), bias: true }, width)
    }

    /// A layer norm.
    pub(super) fn norm_of(&self, name: &NormName, width: usize) -> Result<Norm, BackendError> {
        let vector = |kind: &str| -> Result<Tensor, BackendError> {
            let values = self.checkpoint.floats(&format!("{}.{kind}", name.module), &[width])?;
            Ok(Tensor::from_vec(values, width, &Device::Cpu)?)
        };
        let shift = if name.bias {
            vector("bias")?
        } else {
            Tensor::from_vec(vec![0.0f32; width], width, &Device::Cpu)?
        };
        Ok(Norm { scale: vector("weight")?, shift, epsilon: name.epsilon })
    }
}
