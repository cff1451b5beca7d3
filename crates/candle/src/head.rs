//! From token states to what a model gives out: logits, or an embedding.

use candle_core::{Device, Result, Tensor};
use gatecheck_model::{
    batch::Batch,
    config::{self, ModelConfig},
    head::Pick,
    pooling::{PoolingMode, Step},
};

use crate::{Failure, block::Block, linear::with_slices, weights::Loader};

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
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
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
    ) -> std::result::Result<Self, Failure> {
        match head {
            config::Head::Classification(classifier) => {
                let layers =
                    classifier.layers.iter().map(|layer| Ok(Layer::Dense(Block::load(loader, layer)?)));
                Ok(Self {
                    picks: Picks::One(classifier.pick),
                    layers: layers.collect::<std::result::Result<_, Failure>>()?,
                })
            }
            config::Head::Embedding(pooling) => {
                pooling.check(config.hidden_size)?;
                let layers = pooling.steps.iter().map(|step| match step {
                    Step::Dense(dense) => Ok(Layer::Dense(Block::load(loader, dense)?)),
                    Step::Normalize => Ok(Layer::Normalize),
                });
                let layers = layers.collect::<std::result::Result<_, Failure>>()?;
                Ok(Self { picks: Picks::Pooled(pooling.modes.clone()), layers })
            }
        }
    }

    /// One row of numbers per row of the batch, from states `[real tokens, hidden]`.
    pub(crate) fn forward(&self, states: &Tensor, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        let hidden = states.dim(1)?;
        let vectors: Vec<f32> = with_slices(&[states], |slices| {
            let row = |range: std::ops::Range<usize>| {
                let tokens = &slices[0][range.start * hidden..range.end * hidden];
                match &self.picks {
                    Picks::One(Pick::First) => tokens[..hidden].to_vec(),
                    Picks::One(Pick::Mean) => pooled(tokens, hidden, PoolingMode::Mean),
                    Picks::One(Pick::Last(id)) => {
                        let last = batch.ids[range.clone()].iter().rposition(|other| other == id);
                        tokens[last.unwrap_or(range.len() - 1) * hidden..][..hidden].to_vec()
                    }
                    Picks::Pooled(modes) => {
                        modes.iter().flat_map(|mode| pooled(tokens, hidden, *mode)).collect()
                    }
                }
            };
            batch.ranges().flat_map(row).collect()
        })?;
        let width = vectors.len() / batch.rows();
        let mut x = Tensor::from_vec(vectors, (batch.rows(), width), &Device::Cpu)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        x.to_vec2()
    }
}

/// The states of one row as one vector.
fn pooled(tokens: &[f32], hidden: usize, mode: PoolingMode) -> Vec<f32> {
    let count = (tokens.len() / hidden) as f32;
    let folded = |start: f32, combine: fn(f32, f32) -> f32, factor: f32| {
        let mut vector = vec![start; hidden];
        for token in tokens.chunks_exact(hidden) {
            for (folded, value) in vector.iter_mut().zip(token) {
                *folded = combine(*folded, *value);
            }
        }
        vector.iter_mut().for_each(|value| *value *= factor);
        vector
    };
    match mode {
        PoolingMode::Cls => tokens[..hidden].to_vec(),
        PoolingMode::Last => tokens[tokens.len() - hidden..].to_vec(),
        PoolingMode::Max => folded(f32::NEG_INFINITY, f32::max, 1.0),
        PoolingMode::Mean => folded(0.0, |sum, value| sum + value, 1.0 / count),
        PoolingMode::MeanSqrt => folded(0.0, |sum, value| sum + value, 1.0 / count.sqrt()),
    }
}

/// Scales each row to length 1; as in PyTorch's `normalize`, lengths below 1e-12 count as 1e-12.
fn normalized(x: &Tensor) -> Result<Tensor> {
    let mut rows: Vec<Vec<f32>> = x.to_vec2()?;
    for row in &mut rows {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
        row.iter_mut().for_each(|value| *value /= length);
    }
    Tensor::new(rows, x.device())
}
