//! From token states to what a model gives out: logits, or an embedding.

use gatecheck_model::{
    config::{self, ModelConfig},
    head::Pick,
    pooling::{PoolingMode, Step},
};
use mlx_rs::{Array, Dtype, error::Exception, ops};

use crate::{Failure, block::Block, input::Input, weights::Loader};

/// A head with its weights.
pub(crate) struct Head {
    picks: Picks,
    layers: Vec<Layer>,
}

enum Picks {
    One(Pick),
    Pooled(Vec<PoolingMode>),
}

enum Layer {
    Dense(Block),
    Normalize,
}

impl Layer {
    fn forward(&self, x: &Array) -> Result<Array, Exception> {
        match self {
            Self::Dense(block) => block.forward(x),
            Self::Normalize => normalized(x),
        }
    }
}

impl Head {
    pub(crate) fn load(
        loader: &Loader<'_>,
        config: &ModelConfig,
        head: &config::Head,
    ) -> Result<Self, Failure> {
        match head {
            config::Head::Classification(classifier) => {
                let layers =
                    classifier.layers.iter().map(|layer| Ok(Layer::Dense(Block::load(loader, layer)?)));
                Ok(Self {
                    picks: Picks::One(classifier.pick),
                    layers: layers.collect::<Result<_, Failure>>()?,
                })
            }
            config::Head::Embedding(pooling) => {
                pooling.check(config.hidden_size)?;
                let layers = pooling.steps.iter().map(|step| match step {
                    Step::Dense(dense) => Ok(Layer::Dense(Block::load(loader, dense)?)),
                    Step::Normalize => Ok(Layer::Normalize),
                });
                let layers = layers.collect::<Result<_, Failure>>()?;
                Ok(Self { picks: Picks::Pooled(pooling.modes.clone()), layers })
            }
        }
    }

    /// `[rows, outputs]` from states `[rows, length, hidden]`.
    pub(crate) fn forward(&self, states: &Array, input: &Input) -> Result<Array, Exception> {
        let mut x = match &self.picks {
            Picks::One(Pick::First) => pooled(states, input, PoolingMode::Cls)?,
            Picks::One(Pick::Mean) => pooled(states, input, PoolingMode::Mean)?,
            Picks::One(Pick::Last(id)) => tokens(states, input, |ids| {
                ids.iter().rposition(|other| other == id).unwrap_or(ids.len() - 1)
            })?,
            Picks::Pooled(modes) => {
                let vectors = modes.iter().map(|mode| pooled(states, input, *mode));
                ops::concatenate(&vectors.collect::<Result<Vec<_>, _>>()?, -1)?
            }
        };
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }
}

/// One state of each row, at the place that `pick` finds in its token ids.
fn tokens(states: &Array, input: &Input, pick: impl Fn(&[u32]) -> usize) -> Result<Array, Exception> {
    let length = input.padded.length;
    let rows = input.padded.ids.chunks_exact(length).zip(&input.lengths).enumerate();
    let places: Vec<u32> =
        rows.map(|(row, (ids, real))| (row * length + pick(&ids[..*real as usize])) as u32).collect();
    let flat = states.reshape(&[-1, states.shape()[2]])?;
    flat.take_axis(Array::from_slice(&places, &[places.len() as i32]), 0)
}

/// The states of each row as one vector.
fn pooled(states: &Array, input: &Input, mode: PoolingMode) -> Result<Array, Exception> {
    let weighted = |weight: fn(f32) -> f32| {
        let weights = input.by_token(|length| weight(length as f32), 0.0);
        let weights = Array::from_slice(&weights, &[input.padded.rows as i32, 1, input.padded.length as i32]);
        ops::matmul(&weights, &states.as_dtype(Dtype::Float32)?)?.squeeze_axes(&[1])
    };
    match mode {
        PoolingMode::Cls => states.take_axis(Array::from_int(0), 1),
        PoolingMode::Last => tokens(states, input, |ids| ids.len() - 1),
        PoolingMode::Mean => weighted(|length| 1.0 / length),
        PoolingMode::MeanSqrt => weighted(|length| 1.0 / length.sqrt()),
        PoolingMode::Max => match &input.bias {
            Some(bias) => {
                let bias = bias.reshape(&[input.padded.rows as i32, input.padded.length as i32, 1])?;
                states.add(&bias)?.max_axis(1, false)
            }
            None => states.max_axis(1, false),
        },
    }
}

/// Scales each row to length 1; as in PyTorch's `normalize`, lengths below 1e-12 count as 1e-12.
fn normalized(x: &Array) -> Result<Array, Exception> {
    let length = x.multiply(x)?.sum_axis(-1, true)?.sqrt()?;
    x.divide(ops::maximum(&length, Array::from_f32(1e-12).as_dtype(x.dtype())?)?)
}
