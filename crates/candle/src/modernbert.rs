//! ModernBERT's encoder on candle tensors, ragged: activations are `[real tokens, width]`.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{Device, Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    activation::Activation,
    batch::Batch,
    modernbert::{self, ModernBert as Config, wavelengths},
};
use rayon::prelude::*;

use crate::{
    Encoder, Failure,
    attention::{Attention, Change, Place, usual_scale},
    elementwise::gate,
    linear::{Linear, Norm, with_slices},
    product::Turns,
    record,
    weights::Loader,
    work::Recorder,
};

struct Layer {
    attention_norm: Option<Norm>,
    query_key_value: Linear,
    attention_output: Linear,
    feed_forward_norm: Norm,
    gated: Linear,
    output: Linear,
    window: Option<Window>,
    /// Which of the encoder's angles.
    angles: u32,
}

impl Layer {
    fn load(
        loader: &Loader<'_>,
        names: &modernbert::Layer,
        hidden: usize,
    ) -> std::result::Result<Self, Failure> {
        let norm = |name| loader.norm_of(name, hidden);
        Ok(Self {
            attention_norm: names.attention_norm.as_ref().map(norm).transpose()?,
            query_key_value: loader.linear_of(&names.query_key_value)?,
            attention_output: loader.linear_of(&names.attention_output)?,
            feed_forward_norm: norm(&names.feed_forward_norm)?,
            gated: loader.linear_of(&names.gated)?,
            output: loader.linear_of(&names.output)?,
            window: names.reach.map(|reach| Window { reach }),
            angles: names.theta.to_bits(),
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        attention: &Attention<'_>,
        turns: &Turns<'_>,
        activation: Activation,
    ) -> Result<Tensor> {
        let normed = self.attention_norm.as_ref().map(|norm| norm.forward(x)).transpose()?;
        let packed = self.query_key_value.turn(normed.as_ref().unwrap_or(x), turns)?;
        let context = packed.apply_op1_no_bwd(attention)?;
        let x = self.attention_output.settle(&context, Some(x), None)?;
        let wide = self.gated.forward(&self.feed_forward_norm.forward(&x)?)?;
        self.output.settle(&gated(&wide, activation)?, Some(&x), None)
    }
}

/// The first half of each row, activated, times the second.
fn gated(x: &Tensor, activation: Activation) -> Result<Tensor> {
    let (tokens, width) = (x.dim(0)?, x.dim(1)? / 2);
    let values = with_slices(&[x], |slices| {
        let mut values = vec![0.0; tokens * width];
        let parts = values.par_chunks_mut(16 * width).zip(slices[0].par_chunks(32 * width));
        parts.for_each(|(part, rows)| gate(rows, activation, part, width));
        values
    })?;
    Tensor::from_vec(values, (tokens, width), &Device::Cpu)
}

/// The encoder, without a head.
pub(crate) struct ModernBert {
    words: Tensor,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    final_norm: Norm,
    heads: usize,
    activation: Activation,
    /// By the bits of the base.
    angles: BTreeMap<u32, Angles>,
}

impl ModernBert {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config) -> std::result::Result<Self, Failure> {
        let (hidden, (words, rows)) = (config.hidden_size, &config.words);
        let layers = config.layers.iter().map(|names| Layer::load(loader, names, hidden));
        let angles = |layer: &modernbert::Layer| {
            (layer.theta.to_bits(), Angles::new(wavelengths(layer.theta, config.head_size())))
        };
        Ok(Self {
            words: loader.matrix(words, *rows, hidden)?,
            embedding_norm: loader.norm_of(&config.embedding_norm, hidden)?,
            layers: layers.collect::<std::result::Result<_, _>>()?,
            final_norm: loader.norm_of(&config.final_norm, hidden)?,
            heads: config.heads,
            activation: config.activation,
            angles: config.layers.iter().map(angles).collect(),
        })
    }
}

impl Encoder for ModernBert {
    fn forward(&self, batch: &Batch, recorder: &Recorder, mut trace: Option<&mut Trace>) -> Result<Tensor> {
        let rows: Vec<_> = batch.ranges().collect();
        let positions: Vec<usize> = rows.iter().flat_map(|row| 0..row.len()).collect();
        let tables = self.angles.iter().map(|(bits, angles)| (*bits, angles.up_to(batch.longest())));
        let tables: BTreeMap<u32, _> = tables.collect();
        let hidden = self.words.dim(1)?;
        let (size, scale) = (hidden / self.heads, usual_scale(hidden, self.heads));
        let ids = Tensor::new(batch.ids.as_slice(), &Device::Cpu)?;
        let mut x = self.embedding_norm.forward(&self.words.index_select(&ids, 0)?)?;
        record(&mut trace, "embeddings", &x)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let window = layer.window.as_ref().filter(|window| batch.longest() > window.reach + 1);
            let change = window.map(|window| window as &dyn Change);
            let attention = Attention { rows: &rows, heads: self.heads, scale, change, recorder };
            let turns = Turns { angles: &tables[&layer.angles], size, positions: &positions };
            x = layer.forward(&x, &attention, &turns, self.activation)?;
            record(&mut trace, &format!("layer.{index}"), &x)?;
        }
        let x = self.final_norm.forward(&x)?;
        record(&mut trace, "final", &x)?;
        Ok(x)
    }
}

/// Leaves the keys that are not further from a query than its reach.
struct Window {
    reach: usize,
}

impl Change for Window {
    fn change(&self, place: &Place<'_>, scores: &mut [f32]) {
        let seen = &place.seen;
        for (query, scores) in place.queries.clone().zip(scores.chunks_exact_mut(place.stride)) {
            let near = Self::seen(self, &(query..query + 1), place.keys);
            scores[..near.start.saturating_sub(seen.start)].fill(-1e9);
            scores[near.end - seen.start..seen.len()].fill(-1e9);
        }
    }

    fn seen(&self, queries: &Range<usize>, length: usize) -> Range<usize> {
        queries.start.saturating_sub(self.reach)..length.min(queries.end + self.reach)
    }
}

/// Cosines, then sines, of the angles of each position, for as many positions as were needed so far.
struct Angles {
    wavelengths: Vec<f32>,
    table: Mutex<Arc<Vec<f32>>>,
}

impl Angles {
    fn new(wavelengths: Vec<f32>) -> Self {
        Self { wavelengths, table: Mutex::default() }
    }

    fn up_to(&self, longest: usize) -> Arc<Vec<f32>> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() < longest * 2 * self.wavelengths.len() {
            let positions = 0..longest.next_power_of_two();
            *table =
                Arc::new(positions.into_par_iter().flat_map_iter(|position| self.of(position)).collect());
        }
        table.clone()
    }

    fn of(&self, position: usize) -> impl Iterator<Item = f32> {
        let angles = self.wavelengths.iter().map(move |wavelength| position as f32 * (1.0 / wavelength));
        angles.clone().map(f32::cos).chain(angles.map(f32::sin))
    }
}
