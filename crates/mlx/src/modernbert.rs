//! ModernBERT's encoder as an MLX graph, padded to the longest row of a batch.

use std::collections::BTreeMap;

use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    modernbert::{self, ModernBert as Config, wavelengths},
};
use mlx_rs::{Array, Dtype, error::Exception, fast};

use crate::{
    Encoder, Failure,
    input::{Input, record},
    layers::{Linear, Norm, activate, per_head},
    weights::Loader,
    window::{Sight, Window},
};

struct Layer {
    attention_norm: Option<Norm>,
    query_key_value: Linear,
    attention_output: Linear,
    feed_forward_norm: Norm,
    gated: Linear,
    output: Linear,
    reach: Option<usize>,
    /// As [`fast::rope`] takes them.
    wavelengths: Array,
}

impl Layer {
    fn load(loader: &Loader<'_>, names: &modernbert::Layer, config: &Config) -> Result<Self, Failure> {
        let norm = |name| loader.norm_of(name, config.hidden_size);
        let wavelengths = wavelengths(names.theta, config.head_size());
        Ok(Self {
            attention_norm: names.attention_norm.as_ref().map(norm).transpose()?,
            query_key_value: loader.linear_of(&names.query_key_value)?,
            attention_output: loader.linear_of(&names.attention_output)?,
            feed_forward_norm: norm(&names.feed_forward_norm)?,
            gated: loader.linear_of(&names.gated)?,
            output: loader.linear_of(&names.output)?,
            reach: names.reach,
            wavelengths: Array::from_slice(&wavelengths, &[wavelengths.len() as i32]),
        })
    }

    fn forward(
        &self,
        x: &Array,
        heads: usize,
        sight: &Sight,
        activation: Activation,
    ) -> Result<Array, Exception> {
        let context = match &self.attention_norm {
            Some(norm) => self.attend(&norm.forward(x)?, heads, sight)?,
            None => self.attend(x, heads, sight)?,
        };
        let x = self.attention_output.forward(&context)?.add(x)?;
        let halves = self.gated.forward(&self.feed_forward_norm.forward(&x)?)?.split_equal(2, -1)?;
        self.output.forward(&activate(&halves[0], activation)?.multiply(&halves[1])?)?.add(&x)
    }

    fn attend(&self, x: &Array, heads: usize, sight: &Sight) -> Result<Array, Exception> {
        let packed = self.query_key_value.forward(x)?;
        let parts = packed.split_at_indices(&[packed.shape()[2] / 3 * 2], -1)?;
        let size = 2 * self.wavelengths.shape()[0];
        // Queries and keys are turned as if they were twice as many heads.
        let turned = per_head(&parts[0], 2 * heads)?;
        let turned = fast::rope(turned, size, false, None, 1.0, 0, &self.wavelengths)?;
        let mut turned = turned.split_equal(2, 1)?;
        let (key, query) = (turned.swap_remove(1), turned.swap_remove(0));
        sight.attend(&[query, key, per_head(&parts[1], heads)?])
    }
}

/// The encoder, without a head.
pub(crate) struct ModernBert {
    words: Array,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    final_norm: Norm,
    heads: usize,
    activation: Activation,
    windows: BTreeMap<usize, Window>,
    dtype: Dtype,
}

impl ModernBert {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config) -> Result<Self, Failure> {
        let (hidden, (words, rows)) = (config.hidden_size, &config.words);
        let layers = config.layers.iter().map(|names| Layer::load(loader, names, config));
        let reaches = config.layers.iter().filter_map(|layer| layer.reach);
        Ok(Self {
            words: loader.table(words, *rows, hidden)?,
            embedding_norm: loader.norm_of(&config.embedding_norm, hidden)?,
            layers: layers.collect::<Result<_, _>>()?,
            final_norm: loader.norm_of(&config.final_norm, hidden)?,
            heads: config.heads,
            activation: config.activation,
            windows: reaches.map(|reach| (reach, Window::new(reach))).collect(),
            dtype: loader.dtype(),
        })
    }
}

impl Encoder for ModernBert {
    fn forward(&self, input: &Input, mut trace: Option<&mut Trace>) -> Result<Array, Exception> {
        let everywhere = Sight::Whole(input.bias.clone());
        let nearby = self.windows.iter().map(|(reach, window)| Ok((*reach, window.of(input, self.dtype)?)));
        let nearby: BTreeMap<usize, Sight> = nearby.collect::<Result<_, Exception>>()?;
        let mut x = self.embedding_norm.forward(&self.words.take_axis(&input.ids, 0)?)?;
        record(&mut trace, "embeddings", &x, input)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let sight = layer.reach.map_or(&everywhere, |reach| &nearby[&reach]);
            x = layer.forward(&x, self.heads, sight, self.activation)?;
            record(&mut trace, &format!("layer.{index}"), &x, input)?;
        }
        let x = self.final_norm.forward(&x)?;
        record(&mut trace, "final", &x, input)?;
        Ok(x)
    }
}
