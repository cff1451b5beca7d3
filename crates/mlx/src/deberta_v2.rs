//! DeBERTa's encoder as an MLX graph: the post-norm encoder with attention to distances.

use gatecheck_backend::Trace;
use gatecheck_model::deberta_v2::DebertaV2 as Config;
use mlx_rs::{Array, error::Exception};

use crate::{
    Encoder, Failure,
    convolution::Convolution,
    disentangled::Disentangled,
    input::{Input, record},
    layers::{Mask, attend, per_head},
    post_norm::PostNorm,
    weights::Loader,
};

/// The encoder, without a head.
pub(crate) struct DebertaV2 {
    base: PostNorm,
    scale: f32,
    distances: Option<Disentangled>,
    convolution: Option<Convolution>,
}

impl DebertaV2 {
    pub(crate) fn load(loader: &Loader<'_>, config: &Config) -> Result<Self, Failure> {
        let base = PostNorm::load(loader, &config.encoder)?;
        let (hidden, epsilon) = (config.encoder.hidden_size, config.encoder.epsilon);
        let norm = config.relative_norm.as_ref();
        let norm = norm.map(|module| loader.norm(module, hidden, epsilon)).transpose()?;
        let relative = config.relative.as_ref();
        let distances = relative.map(|relative| {
            let mut vectors = loader.table(&relative.module, 2 * relative.distances.span, hidden)?;
            if let Some(norm) = &norm {
                vectors = norm.forward(&vectors)?;
            }
            Disentangled::load(loader, relative, &vectors, &base, config.scale)
        });
        let convolution = config.convolution.as_ref();
        let convolution =
            convolution.map(|convolution| Convolution::load(loader, convolution, hidden, epsilon));
        Ok(Self {
            base,
            scale: config.scale,
            distances: distances.transpose()?,
            convolution: convolution.transpose()?,
        })
    }
}

impl Encoder for DebertaV2 {
    fn forward(&self, input: &Input, mut trace: Option<&mut Trace>) -> Result<Array, Exception> {
        let first = self.base.embeddings.forward(&input.ids, input)?;
        record(&mut trace, "embeddings", &first, input)?;
        let distances = self.distances.as_ref();
        let distances = distances.map(|all| Ok::<_, Exception>((all, all.places(input.padded.length)?)));
        let distances = distances.transpose()?;
        let mut x = first.clone();
        for (index, layer) in self.base.weights.iter().enumerate() {
            let thirds = layer.query_key_value.forward(&x)?.split_equal(3, -1)?;
            let third = |index: usize| per_head(&thirds[index], self.base.heads);
            let parts = [third(0)?, third(1)?, third(2)?];
            let bias = match &distances {
                Some((all, places)) => all.bias(index, places, &parts, input.bias.as_ref())?,
                None => input.bias.clone(),
            };
            let context = attend(&parts, self.scale, bias.as_ref().map(Mask::Array))?;
            x = layer.feed_forward(&layer.add(&x, &context)?, self.base.activation)?;
            if let (0, Some(convolution)) = (index, &self.convolution) {
                x = convolution.add(input, &first, &x)?;
            }
            record(&mut trace, &format!("layer.{index}"), &x, input)?;
        }
        Ok(x)
    }
}
