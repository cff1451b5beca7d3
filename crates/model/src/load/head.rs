//! Heads with their weights.

use super::{loader::Loader, parts::Parts};
use crate::{
    activation::Activation,
    blueprint::head::{self, Pick},
};

/// From token states to what a model gives out: logits, or an embedding.
pub struct Head<P: Parts> {
    /// One vector each, side by side.
    pub picks: Vec<Pick>,
    /// What is done to the result, in this order.
    pub steps: Vec<Step<P>>,
}

/// What is done to the vector of a row.
pub enum Step<P: Parts> {
    /// A linear layer with what follows it.
    Dense(Dense<P>),
    /// Scales the vector to length 1.
    Normalize,
}

impl<P: Parts> Head<P> {
    pub(super) fn load(
        loader: &Loader<'_, P>,
        head: &head::Head,
        hidden_size: usize,
    ) -> Result<Self, P::Error> {
        head.check(hidden_size)?;
        let steps = head.steps.iter().map(|step| {
            Ok(match step {
                head::Step::Dense(dense) => Step::Dense(Dense::load(loader, dense)?),
                head::Step::Normalize => Step::Normalize,
            })
        });
        Ok(Self { picks: head.picks.clone(), steps: steps.collect::<Result<_, P::Error>>()? })
    }
}

/// What a [`head::Dense`] describes, with its weights.
pub struct Dense<P: Parts> {
    /// Applied first.
    pub linear: P::Linear,
    /// Applied to the sum.
    pub activation: Option<Activation>,
    /// Applied last.
    pub norm: Option<P::Norm>,
}

impl<P: Parts> Dense<P> {
    pub(super) fn load(loader: &Loader<'_, P>, dense: &head::Dense) -> Result<Self, P::Error> {
        let norm = dense.norm.as_ref().map(|norm| loader.norm_of(norm, dense.outputs)).transpose()?;
        Ok(Self { linear: loader.linear_of(dense)?, activation: dense.activation, norm })
    }
}
