//! From a checkpoint to candle tensors of 32-bit floats.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use gatecheck_model::{
    checkpoint::{Checkpoint, Matrix},
    config::ConfigError,
    head::{Dense, NormName},
};

use crate::{
    Failure,
    linear::{Linear, Norm},
    work::Recorder,
};

/// Takes the parts of a model out of a checkpoint.
pub(crate) struct Loader<'a> {
    pub(crate) checkpoint: &'a Checkpoint,
    /// For whatever does products.
    pub(crate) recorder: Arc<Recorder>,
}

impl Loader<'_> {
    fn floats(&self, module: &str, rows: usize, columns: usize) -> Result<Vec<f32>, Failure> {
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
    pub(crate) fn matrix(&self, module: &str, rows: usize, columns: usize) -> Result<Tensor, Failure> {
        Ok(Tensor::from_vec(self.floats(module, rows, columns)?, (rows, columns), &Device::Cpu)?)
    }

    /// A linear layer with bias.
    pub(crate) fn linear(&self, module: &str, outputs: usize, inputs: usize) -> Result<Linear, Failure> {
        self.stacked(&[module], outputs, inputs)
    }

    /// Several linear layers of the same input as one, their outputs side by side.
    pub(crate) fn stacked<S: AsRef<str>>(
        &self,
        modules: &[S],
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, Failure> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for module in modules {
            weight.extend(self.floats(module.as_ref(), outputs, inputs)?);
            bias.extend(self.checkpoint.floats(&format!("{}.bias", module.as_ref()), &[outputs])?);
        }
        Ok(Linear::new(weight, bias, inputs, &self.recorder)?)
    }

    /// The linear layer of `dense`, without what follows it.
    pub(crate) fn linear_of(&self, dense: &Dense) -> Result<Linear, Failure> {
        let Dense { module, inputs, outputs, bias, .. } = dense;
        if *bias {
            return self.linear(module, *outputs, *inputs);
        }
        let weight = self.floats(module, *outputs, *inputs)?;
        Ok(Linear::new(weight, vec![0.0; *outputs], *inputs, &self.recorder)?)
    }

    /// A layer norm with bias.
    pub(crate) fn norm(&self, module: &str, width: usize, epsilon: f32) -> Result<Norm, Failure> {
        self.norm_of(&NormName { module: module.to_owned(), epsilon: Some(epsilon), bias: true }, width)
    }

    /// A layer norm.
    pub(crate) fn norm_of(&self, name: &NormName, width: usize) -> Result<Norm, Failure> {
        let vector = |kind: &str| -> Result<Tensor, Failure> {
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
