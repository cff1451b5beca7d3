//! From names to parts.

use super::parts::Parts;
use crate::{
    blueprint::head::{self, NormName},
    checkpoint::Checkpoint,
};

/// Takes the parts of a model out of a checkpoint.
pub(super) struct Loader<'a, P> {
    pub(super) parts: &'a P,
    pub(super) checkpoint: &'a Checkpoint,
    /// Tokens of the longest row.
    pub(super) positions: usize,
}

impl<P: Parts> Loader<'_, P> {
    /// The matrix `{module}.weight` as a table.
    pub(super) fn table(&self, module: &str, rows: usize, columns: usize) -> Result<P::Table, P::Error> {
        self.scaled_table(module, rows, columns, 1.0)
    }

    /// As [`Loader::table`], multiplied by `scale`.
    pub(super) fn scaled_table(
        &self,
        module: &str,
        rows: usize,
        columns: usize,
        scale: f32,
    ) -> Result<P::Table, P::Error> {
        self.parts.table(&self.checkpoint.matrix(module, rows, columns)?, scale)
    }

    /// A linear layer with bias.
    pub(super) fn linear(&self, module: &str, outputs: usize, inputs: usize) -> Result<P::Linear, P::Error> {
        self.stacked(&[module], outputs, inputs)
    }

    /// Several linear layers of the same input as one, their outputs side by side.
    pub(super) fn stacked<S: AsRef<str>>(
        &self,
        modules: &[S],
        outputs: usize,
        inputs: usize,
    ) -> Result<P::Linear, P::Error> {
        let (mut matrices, mut biases) = (Vec::new(), Vec::new());
        for module in modules {
            matrices.push(self.checkpoint.matrix(module.as_ref(), outputs, inputs)?);
            biases.extend(self.checkpoint.floats(&format!("{}.bias", module.as_ref()), &[outputs])?);
        }
        self.parts.linear(&matrices, Some(biases))
    }

    /// The linear layer of `dense`, without what follows it.
    pub(super) fn linear_of(&self, dense: &head::Dense) -> Result<P::Linear, P::Error> {
        let head::Dense { module, inputs, outputs, bias, .. } = dense;
        if *bias {
            return self.linear(module, *outputs, *inputs);
        }
        self.parts.linear(&[self.checkpoint.matrix(module, *outputs, *inputs)?], None)
    }

    /// A layer norm with bias.
    pub(super) fn norm(&self, module: &str, width: usize, epsilon: f32) -> Result<P::Norm, P::Error> {
        self.norm_of(&NormName { module: module.to_owned(), epsilon: Some(epsilon), bias: true }, width)
    }

    /// A layer norm.
    pub(super) fn norm_of(&self, name: &NormName, width: usize) -> Result<P::Norm, P::Error> {
        let vector = |kind: &str| self.checkpoint.floats(&format!("{}.{kind}", name.module), &[width]);
        let shift = name.bias.then(|| vector("bias")).transpose()?;
        self.parts.norm(vector("weight")?, shift, name.epsilon)
    }
}
