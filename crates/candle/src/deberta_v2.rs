//! DeBERTa's encoder on candle tensors: the post-norm encoder with attention to distances.

use candle_core::{Result, Tensor};
use gatecheck_backend::Trace;
use gatecheck_model::{
    batch::Batch,
    deberta_v2::{DebertaV2 as Config, Projections, Relative},
};

use crate::{
    Encoder, Failure,
    attention::{Attention, Change},
    convolution::Convolution,
    disentangled::{Disentangled, Reach, Tokens},
    linear::Linear,
    post_norm::PostNorm,
    record,
    weights::Loader,
    work::Recorder,
};

/// The encoder, without a head.
pub(crate) struct DebertaV2 {
    base: PostNorm,
    scale: f32,
    /// For each layer, or none.
    distances: Vec<Disentangled>,
    convolution: Option<Convolution>,
}

impl DebertaV2 {
    pub(crate) fn load(
        loader: &Loader<'_>,
        config: &Config,
        positions: usize,
    ) -> std::result::Result<Self, Failure> {
        let base = PostNorm::load(loader, &config.encoder, positions)?;
        let (hidden, epsilon) = (config.encoder.hidden_size, config.encoder.epsilon);
        let norm = config.relative_norm.as_ref();
        let norm = norm.map(|module| loader.norm(module, hidden, epsilon)).transpose()?;
        let mut distances = Vec::new();
        if let Some(relative) = &config.relative {
            let mut vectors = loader.matrix(&relative.module, 2 * relative.distances.span, hidden)?;
            if let Some(norm) = norm {
                vectors = norm.forward(&vectors)?;
            }
            let by_distance = relative.distances.by_distance(positions);
            for index in 0..base.weights.len() {
                let attended = Attended { loader, vectors: &vectors, index, hidden };
                let reaches = attended.reaches(relative, &base, config.scale, &by_distance)?;
                distances.push(Disentangled { reaches, longest: positions });
            }
        }
        let convolution = config.convolution.as_ref();
        let convolution =
            convolution.map(|convolution| Convolution::load(loader, convolution, hidden, epsilon));
        Ok(Self { base, scale: config.scale, distances, convolution: convolution.transpose()? })
    }
}

/// The vectors of distances in one layer.
struct Attended<'a> {
    loader: &'a Loader<'a>,
    vectors: &'a Tensor,
    index: usize,
    hidden: usize,
}

impl Attended<'_> {
    fn reaches(
        &self,
        relative: &Relative,
        base: &PostNorm,
        scale: f32,
        by_distance: &[usize],
    ) -> std::result::Result<Vec<Reach>, Failure> {
        let shared = &base.weights[self.index].query_key_value;
        let mut reaches = Vec::new();
        // Queries of tokens meet keys of distances, and the other way round.
        for (tokens, projections) in [(Tokens::Queries, &relative.keys), (Tokens::Keys, &relative.queries)] {
            let Some(projections) = projections else { continue };
            let third = match tokens {
                Tokens::Queries => 1,
                Tokens::Keys => 0,
            };
            let vectors = match projections {
                Projections::OfTokens => self.third(shared, third)?,
                Projections::Own(modules) => {
                    self.third(&self.loader.linear(&modules[self.index], self.hidden, self.hidden)?, 0)?
                }
            };
            reaches.push(Reach::new(tokens, &vectors, (self.hidden, base.heads), scale, by_distance));
        }
        Ok(reaches)
    }

    /// One third of what a projection makes of the vectors, or all where it is not wider.
    fn third(&self, projection: &Linear, index: usize) -> Result<Vec<f32>> {
        let projected = projection.forward(self.vectors)?.narrow(1, index * self.hidden, self.hidden)?;
        projected.contiguous()?.flatten_all()?.to_vec1()
    }
}

impl Encoder for DebertaV2 {
    fn forward(&self, batch: &Batch, recorder: &Recorder, mut trace: Option<&mut Trace>) -> Result<Tensor> {
        let rows: Vec<_> = batch.ranges().collect();
        let first = self.base.embeddings.forward(batch)?;
        record(&mut trace, "embeddings", &first)?;
        let mut x = first.clone();
        for (index, layer) in self.base.weights.iter().enumerate() {
            let change = self.distances.get(index).map(|distances| distances as &dyn Change);
            let attention =
                Attention { rows: &rows, heads: self.base.heads, scale: self.scale, change, recorder };
            x = layer.feed_forward(&layer.attend(&x, &attention)?, self.base.activation)?;
            if let (0, Some(convolution)) = (index, &self.convolution) {
                x = convolution.add(&rows, &first, &x)?;
            }
            record(&mut trace, &format!("layer.{index}"), &x)?;
        }
        Ok(x)
    }
}
