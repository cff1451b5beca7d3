//! The post-norm encoder as an MLX graph, padded to the longest row of a batch.

use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    head::Dense,
    post_norm::{self, LayerNames, PostNorm as Config, Projection, RelativeBias},
};
use mlx_rs::{Array, Stream, error::Exception, ops::indexing::TryIndexOp};

use crate::{
    Encoder, Failure,
    input::{Input, PerLength, record},
    layers::{Linear, Mask, Norm, activate, attention},
    weights::Loader,
};

/// A layer: self-attention, then a feed-forward half.
pub(crate) struct Layer {
    pub(crate) query_key_value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

impl Layer {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config, names: &LayerNames) -> Result<Self, Failure> {
        let (hidden, wide, epsilon) = (config.hidden_size, config.intermediate_size, config.epsilon);
        Ok(Self {
            query_key_value: loader.stacked(&names.query_key_value, hidden, hidden)?,
            attention_output: loader.linear(&names.attention_output, hidden, hidden)?,
            attention_norm: loader.norm(&names.attention_norm, hidden, epsilon)?,
            intermediate: loader.linear(&names.intermediate, wide, hidden)?,
            output: loader.linear(&names.output, hidden, wide)?,
            output_norm: loader.norm(&names.output_norm, hidden, epsilon)?,
        })
    }

    pub(crate) fn attend(&self, x: &Array, heads: usize, mask: Option<Mask<'_>>) -> Result<Array, Exception> {
        let parts = self.query_key_value.forward(x)?.split_equal(3, -1)?;
        self.add(x, &attention(&parts[0], &parts[1], &parts[2], heads, mask)?)
    }

    /// What attention gives, projected, added and normed.
    pub(crate) fn add(&self, x: &Array, context: &Array) -> Result<Array, Exception> {
        self.attention_norm.forward(&self.attention_output.forward(context)?.add(x)?)
    }

    pub(crate) fn feed_forward(&self, x: &Array, activation: Activation) -> Result<Array, Exception> {
        let wide = activate(&self.intermediate.forward(x)?, activation)?;
        self.output_norm.forward(&self.output.forward(&wide)?.add(x)?)
    }
}

/// The encoder, without a head.
pub(crate) struct PostNorm {
    pub(crate) embeddings: Embeddings,
    pub(crate) weights: Vec<Layer>,
    layers: Vec<Vec<usize>>,
    pub(crate) heads: usize,
    pub(crate) activation: Activation,
    relative: Option<ByDistance>,
}

impl PostNorm {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config) -> Result<Self, Failure> {
        let weights = config.weights.iter().map(|names| Layer::load(loader, config, names));
        let relative = config.relative.as_ref();
        Ok(Self {
            embeddings: Embeddings::load(loader, config)?,
            weights: weights.collect::<Result<_, _>>()?,
            layers: config.layers.clone(),
            heads: config.heads,
            activation: config.activation,
            relative: relative.map(|bias| ByDistance::load(loader, bias, config.heads)).transpose()?,
        })
    }
}

impl Encoder for PostNorm {
    fn forward(&self, input: &Input, mut trace: Option<&mut Trace>) -> Result<Array, Exception> {
        let bias = match &self.relative {
            Some(relative) => {
                let by_distance = relative.biases(input.padded.length)?;
                Some(input.bias.as_ref().map_or(Ok(by_distance.clone()), |bias| by_distance.add(bias))?)
            }
            None => input.bias.clone(),
        };
        let mut x = self.embeddings.forward(&input.ids, input)?;
        record(&mut trace, "embeddings", &x, input)?;
        for (index, weights) in self.layers.iter().enumerate() {
            for one in weights {
                let (layer, mask) = (&self.weights[*one], bias.as_ref().map(Mask::Array));
                x = layer.feed_forward(&layer.attend(&x, self.heads, mask)?, self.activation)?;
            }
            record(&mut trace, &format!("layer.{index}"), &x, input)?;
        }
        Ok(x)
    }
}

/// The tables, the norm of their sum, and the way to the width of the states.
pub(crate) struct Embeddings {
    pub(crate) words: Array,
    positions: Option<Array>,
    first_position: i32,
    types: Option<Array>,
    norm: Norm,
    projection: Option<Linear>,
    /// Whether the norm comes after the projection.
    norm_last: bool,
}

impl Embeddings {
    fn load(loader: &Loader<'_>, encoder: &Config) -> Result<Self, Failure> {
        let post_norm::Embeddings { width, words: (module, rows), scale, .. } = &encoder.embeddings;
        let mut words = loader.table(module, *rows, *width)?;
        if *scale != 1.0 {
            words = words.multiply(Array::from_f32(*scale).as_dtype(words.dtype())?)?;
            words.eval()?;
        }
        Self::with_words(loader, encoder, words)
    }

    /// With the word table of others.
    pub(crate) fn with_words(loader: &Loader<'_>, encoder: &Config, words: Array) -> Result<Self, Failure> {
        let post_norm::Embeddings { width, positions, first_position, types, norm, projection, .. } =
            &encoder.embeddings;
        let (inner, outer) = (*width, encoder.hidden_size);
        let table = |(module, rows): &(String, usize)| loader.table(module, *rows, inner);
        let (norm_last, projection) = match projection {
            Some(Projection::BeforeNorm(module)) => {
                let dense = Dense { bias: false, ..Dense::new(module, inner, outer) };
                (true, Some(loader.linear_of(&dense)?))
            }
            Some(Projection::AfterNorm(module)) => (false, Some(loader.linear(module, outer, inner)?)),
            None => (false, None),
        };
        Ok(Self {
            words,
            positions: positions.as_ref().map(table).transpose()?,
            first_position: *first_position as i32,
            types: types.as_ref().map(table).transpose()?,
            norm: loader.norm(norm, if norm_last { outer } else { inner }, encoder.epsilon)?,
            projection,
            norm_last,
        })
    }

    /// States `[rows, length, hidden]` of these ids, which have the shape of the input's.
    pub(crate) fn forward(&self, ids: &Array, input: &Input) -> Result<Array, Exception> {
        let mut states = self.words.take_axis(ids, 0)?;
        if let Some(types) = &self.types {
            states = states.add(types.take_axis(&input.type_ids, 0)?)?;
        }
        if let Some(positions) = &self.positions {
            let rows = self.first_position..self.first_position + input.padded.length as i32;
            let stream = Stream::thread_local_or_default();
            states = states.add(positions.try_index_device((rows, ..), stream)?)?;
        }
        if !self.norm_last {
            states = self.norm.forward(&states)?;
        }
        if let Some(projection) = &self.projection {
            states = projection.forward(&states)?;
        }
        if self.norm_last { self.norm.forward(&states) } else { Ok(states) }
    }
}

/// Biases of the scores by head and distance.
struct ByDistance {
    /// `[heads, buckets]`.
    table: Array,
    bias: RelativeBias,
    biases: PerLength,
}

impl ByDistance {
    fn load(loader: &Loader<'_>, bias: &RelativeBias, heads: usize) -> Result<Self, Failure> {
        let table = loader.table(&bias.module, bias.rows, heads)?.transpose()?;
        Ok(Self { table, bias: bias.clone(), biases: PerLength::default() })
    }

    /// `[1, heads, length, length]`.
    fn biases(&self, length: usize) -> Result<Array, Exception> {
        self.biases.corner(length, |length| {
            let by_distance = self.bias.by_distance(length);
            let row = |query: usize| by_distance[length - 1 - query..][..length].iter();
            let buckets: Vec<u32> = (0..length).flat_map(row).map(|bucket| *bucket as u32).collect();
            let buckets = Array::from_slice(&buckets, &[length as i32, length as i32]);
            self.table.take_axis(&buckets, 1)?.expand_dims(0)
        })
    }
}
