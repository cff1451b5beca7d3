//! MobileBERT's encoder on candle tensors, ragged: activations are `[real tokens, width]`.

use candle_core::{Device, Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    batch::Batch,
    mobilebert::{self, MobileBert as Config, Sight},
};
use rayon::prelude::*;

use crate::{
    Encoder, Failure,
    attention::{Attention, usual_scale},
    block::Block,
    linear::{Linear, Norm, with_slices},
    record,
    weights::Loader,
    work::Recorder,
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
    fn load(
        loader: &Loader<'_>,
        names: &mobilebert::Layer,
        config: &Config,
    ) -> std::result::Result<Self, Failure> {
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
            feed_forward: networks.collect::<std::result::Result<_, Failure>>()?,
            wide: names.wide.as_ref().map(block).transpose()?,
        })
    }

    fn forward(&self, x: &Tensor, attention: &Attention<'_>) -> Result<Tensor> {
        let narrow = self.narrow.as_ref().map(|block| block.forward(x)).transpose()?;
        let mut y = narrow.unwrap_or_else(|| x.clone());
        let context = match &self.projections {
            Projections::Packed { linear, narrow } => {
                linear.forward(if *narrow { &y } else { x })?.apply_op1_no_bwd(attention)?
            }
            Projections::Shared { narrow, query_key, value } => {
                let packed = query_key.forward(&narrow.forward(x)?)?;
                packed.apply_op2_no_bwd(&value.forward(x)?, attention)?
            }
        };
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
    scale: f32,
}

impl MobileBert {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config) -> std::result::Result<Self, Failure> {
        config.unused.iter().for_each(|module| loader.checkpoint.leave(module));
        let layers = config.layers.iter().map(|names| Layer::load(loader, names, config));
        Ok(Self {
            embeddings: Embeddings::load(loader, &config.embeddings, config.hidden_size)?,
            layers: layers.collect::<std::result::Result<_, _>>()?,
            heads: config.heads,
            scale: usual_scale(config.narrow_size, config.heads),
        })
    }
}

impl Encoder for MobileBert {
    fn forward(&self, batch: &Batch, recorder: &Recorder, mut trace: Option<&mut Trace>) -> Result<Tensor> {
        let rows: Vec<_> = batch.ranges().collect();
        let attention =
            Attention { rows: &rows, heads: self.heads, scale: self.scale, change: None, recorder };
        let mut x = self.embeddings.forward(batch)?;
        record(&mut trace, "embeddings", &x)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &attention)?;
            record(&mut trace, &format!("layer.{index}"), &x)?;
        }
        Ok(x)
    }
}

struct Embeddings {
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    trigrams: bool,
    transformation: Option<Linear>,
    norm: Norm,
}

impl Embeddings {
    fn load(
        loader: &Loader<'_>,
        names: &mobilebert::Embeddings,
        hidden: usize,
    ) -> std::result::Result<Self, Failure> {
        let table = |(module, rows): &(String, usize), width: usize| loader.matrix(module, *rows, width);
        let transformation = names.transformation.as_ref();
        Ok(Self {
            words: table(&names.words, names.width)?,
            positions: table(&names.positions, hidden)?,
            types: table(&names.types, hidden)?,
            trigrams: names.trigrams,
            transformation: transformation.map(|dense| loader.linear_of(dense)).transpose()?,
            norm: loader.norm_of(&names.norm, hidden)?,
        })
    }

    fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let positions: Vec<u32> = batch.lengths.iter().flat_map(|length| 0..*length).collect();
        let rows = |table: &Tensor, ids: &[u32]| table.index_select(&Tensor::new(ids, &Device::Cpu)?, 0);
        let places = (rows(&self.positions, &positions)? + rows(&self.types, &batch.type_ids)?)?;
        let words = if self.trigrams { self.trigrams(batch)? } else { rows(&self.words, &batch.ids)? };
        match &self.transformation {
            Some(linear) => linear.add_norm(&words, &places, &self.norm),
            None => self.norm.forward(&(words + places)?),
        }
    }

    /// For each token the vectors of the next one, its own and that of the one before; zeros beyond the ends.
    fn trigrams(&self, batch: &Batch) -> Result<Tensor> {
        let width = self.words.dim(1)?;
        let mut values = vec![0.0; batch.tokens() * 3 * width];
        let rows: Vec<_> = batch.ranges().collect();
        with_slices(&[&self.words], |slices| {
            let word = |token: usize| &slices[0][batch.ids[token] as usize * width..][..width];
            let mut left = values.as_mut_slice();
            let mut parts = Vec::with_capacity(rows.len());
            for row in &rows {
                let (part, after) = left.split_at_mut(row.len() * 3 * width);
                parts.push((row, part));
                left = after;
            }
            parts.into_par_iter().for_each(|(row, part)| {
                for (token, vectors) in row.clone().zip(part.chunks_exact_mut(3 * width)) {
                    if token + 1 < row.end {
                        vectors[..width].copy_from_slice(word(token + 1));
                    }
                    vectors[width..2 * width].copy_from_slice(word(token));
                    if token > row.start {
                        vectors[2 * width..].copy_from_slice(word(token - 1));
                    }
                }
            });
        })?;
        Tensor::from_vec(values, (batch.tokens(), 3 * width), &Device::Cpu)
    }
}
