//! MobileBERT's encoder as an MLX graph, padded to the longest row of a batch.

use gatecheck_backend::Trace;
use gatecheck_model::mobilebert::{self, MobileBert as Config, Sight};
use mlx_rs::{Array, Dtype, error::Exception, ops};

use crate::{
    Encoder, Failure,
    block::Block,
    input::{Input, record},
    layers::{Linear, Mask, Norm, attention},
    weights::Loader,
};

/// Projections to queries, keys and values.
enum Projections {
    /// Of the narrow states where they are to be seen, otherwise of the wide ones.
    Packed { linear: Linear, narrow: bool },
    /// Queries and keys of narrow states of their own, values of the wide states.
    Shared { narrow: Block, query_key: Linear, value: Linear },
}

struct Layer {
    narrow: Option<Block>,
    projections: Projections,
    attention_output: Block,
    feed_forward: Vec<[Block; 2]>,
    wide: Option<Block>,
}

impl Layer {
    fn load(loader: &Loader<'_>, names: &mobilebert::Layer, config: &Config) -> Result<Self, Failure> {
        let block = |dense| Block::load(loader, dense);
        let (narrow, modules) = (config.narrow_size, &names.query_key_value);
        let projections = match &names.sight {
            Sight::Shared(dense) => Projections::Shared {
                narrow: block(dense)?,
                query_key: loader.stacked(&modules[..2], narrow, narrow)?,
                value: loader.linear(&modules[2], narrow, config.hidden_size)?,
            },
            sight => Projections::Packed {
                linear: loader.stacked(modules, narrow, narrow)?,
                narrow: *sight == Sight::Narrow,
            },
        };
        let networks = names.feed_forward.iter().map(|[first, second]| Ok([block(first)?, block(second)?]));
        Ok(Self {
            narrow: names.narrow.as_ref().map(block).transpose()?,
            projections,
            attention_output: block(&names.attention_output)?,
            feed_forward: networks.collect::<Result<_, Failure>>()?,
            wide: names.wide.as_ref().map(block).transpose()?,
        })
    }

    fn forward(&self, x: &Array, heads: usize, bias: Option<&Array>) -> Result<Array, Exception> {
        let narrow = self.narrow.as_ref().map(|block| block.forward(x)).transpose()?;
        let mut y = narrow.unwrap_or_else(|| x.clone());
        let mut parts = match &self.projections {
            Projections::Packed { linear, narrow } => {
                linear.forward(if *narrow { &y } else { x })?.split_equal(3, -1)?
            }
            Projections::Shared { narrow, query_key, .. } => {
                query_key.forward(&narrow.forward(x)?)?.split_equal(2, -1)?
            }
        };
        if let Projections::Shared { value, .. } = &self.projections {
            parts.push(value.forward(x)?);
        }
        let context = attention(&parts[0], &parts[1], &parts[2], heads, bias.map(Mask::Array))?;
        y = self.attention_output.add(&context, &y)?;
        for [first, second] in &self.feed_forward {
            y = second.add(&first.forward(&y)?, &y)?;
        }
        self.wide.as_ref().map_or(Ok(y.clone()), |block| block.add(&y, x))
    }
}

/// The encoder, without a head.
pub(crate) struct MobileBert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    heads: usize,
}

impl MobileBert {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config) -> Result<Self, Failure> {
        config.unused.iter().for_each(|module| loader.leave(module));
        let layers = config.layers.iter().map(|names| Layer::load(loader, names, config));
        Ok(Self {
            embeddings: Embeddings::load(loader, &config.embeddings, config.hidden_size)?,
            layers: layers.collect::<Result<_, _>>()?,
            heads: config.heads,
        })
    }
}

impl Encoder for MobileBert {
    fn forward(&self, input: &Input, mut trace: Option<&mut Trace>) -> Result<Array, Exception> {
        let mut x = self.embeddings.forward(input)?;
        record(&mut trace, "embeddings", &x, input)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, self.heads, input.bias.as_ref())?;
            record(&mut trace, &format!("layer.{index}"), &x, input)?;
        }
        Ok(x)
    }
}

struct Embeddings {
    words: Array,
    positions: Array,
    types: Array,
    trigrams: bool,
    transformation: Option<Linear>,
    norm: Norm,
    dtype: Dtype,
}

impl Embeddings {
    fn load(loader: &Loader<'_>, names: &mobilebert::Embeddings, hidden: usize) -> Result<Self, Failure> {
        let table = |(module, rows): &(String, usize), width: usize| loader.table(module, *rows, width);
        let transformation = names.transformation.as_ref();
        Ok(Self {
            words: table(&names.words, names.width)?,
            positions: table(&names.positions, hidden)?,
            types: table(&names.types, hidden)?,
            trigrams: names.trigrams,
            transformation: transformation.map(|dense| loader.linear_of(dense)).transpose()?,
            norm: loader.norm_of(&names.norm, hidden)?,
            dtype: loader.dtype(),
        })
    }

    fn forward(&self, input: &Input) -> Result<Array, Exception> {
        let mut words = self.words.take_axis(&input.ids, 0)?;
        if self.trigrams {
            words = self.beside_neighbours(&words, input)?;
        }
        if let Some(linear) = &self.transformation {
            words = linear.forward(&words)?;
        }
        let places: Vec<i32> = (0..input.padded.length as i32).collect();
        let places = self.positions.take_axis(Array::from_slice(&places, &[places.len() as i32]), 0)?;
        let types = self.types.take_axis(&input.type_ids, 0)?;
        self.norm.forward(&words.add(places)?.add(types)?)
    }

    /// For each token the vectors of the next one, its own and that of the one before; zeros beyond the ends
    /// of its row, padded or not.
    fn beside_neighbours(&self, words: &Array, input: &Input) -> Result<Array, Exception> {
        let (rows, length) = (words.shape()[0], words.shape()[1]);
        let mut words = words.clone();
        if input.bias.is_some() {
            let real = Array::from_slice(&input.by_token(|_| 1.0, 0.0), &[rows, length, 1]);
            words = words.multiply(real.as_dtype(self.dtype)?)?;
        }
        let around = ops::pad(&words, &[(0, 0), (1, 1), (0, 0)], None, None)?;
        let from = |first: i32| {
            let places: Vec<i32> = (first..first + length).collect();
            around.take_axis(Array::from_slice(&places, &[length]), 1)
        };
        ops::concatenate(&[from(2)?, words, from(0)?], -1)
    }
}
