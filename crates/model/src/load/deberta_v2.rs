//! DeBERTa's encoder with its weights.

use super::{
    loader::Loader,
    parts::Parts,
    post_norm::{Layer, PostNorm},
};
use crate::{
    activation::Activation,
    blueprint::deberta_v2::{self, Projections, Relative},
};

/// As [`deberta_v2::DebertaV2`], with its weights.
pub struct DebertaV2<P: Parts> {
    /// Embeddings and layers.
    pub base: PostNorm<P>,
    /// What products of vectors are multiplied by to be scores.
    pub scale: f32,
    /// Attention between tokens and distances.
    pub distances: Option<Distances<P>>,
    /// What is added to the first layer.
    pub convolution: Option<Convolution<P>>,
}

/// The vectors of distances.
pub struct Distances<P: Parts> {
    /// In each layer.
    pub layers: Vec<LayerDistances<P>>,
    /// Which of them belongs to a query and a key.
    pub rows: P::DistanceRows,
}

/// The vectors of distances in one layer.
pub struct LayerDistances<P: Parts> {
    /// Keys of distances, for the queries of tokens.
    pub keys: Option<P::DistanceVectors>,
    /// Queries of distances, for the keys of tokens.
    pub queries: Option<P::DistanceVectors>,
}

/// A convolution with what follows it.
pub struct Convolution<P: Parts> {
    /// Applied first.
    pub product: P::Convolution,
    /// Applied to the product.
    pub activation: Activation,
    /// Norm of the sum with what the first layer gives.
    pub norm: P::Norm,
}

impl<P: Parts> DebertaV2<P> {
    pub(super) fn load(loader: &Loader<'_, P>, names: &deberta_v2::DebertaV2) -> Result<Self, P::Error> {
        let base = PostNorm::load(loader, &names.encoder)?;
        let (hidden, epsilon) = (names.encoder.hidden_size, names.encoder.epsilon);
        let norm = names.relative_norm.as_ref();
        let norm = norm.map(|module| loader.norm(module, hidden, epsilon)).transpose()?;
        let size = Size { hidden, heads: base.heads, scale: names.scale };
        let relative = names.relative.as_ref();
        let distances =
            relative.map(|relative| Distances::load(loader, relative, norm.as_ref(), size, &base.weights));
        let convolution = names.convolution.as_ref();
        let convolution = convolution.map(|names| Convolution::load(loader, names, hidden, epsilon));
        Ok(Self {
            scale: names.scale,
            distances: distances.transpose()?,
            convolution: convolution.transpose()?,
            base,
        })
    }
}

/// Of the vectors of distances.
#[derive(Clone, Copy)]
struct Size {
    hidden: usize,
    heads: usize,
    scale: f32,
}

impl<P: Parts> Distances<P> {
    fn load(
        loader: &Loader<'_, P>,
        relative: &Relative,
        norm: Option<&P::Norm>,
        size: Size,
        layers: &[Layer<P>],
    ) -> Result<Self, P::Error> {
        let mut vectors = loader.table(&relative.module, 2 * relative.distances.span, size.hidden)?;
        if let Some(norm) = norm {
            vectors = loader.parts.norm_rows(norm, &vectors)?;
        }
        let layers = layers.iter().enumerate();
        let layers =
            layers.map(|(index, layer)| LayerDistances::load(loader, relative, &vectors, size, index, layer));
        let rows = loader.parts.distance_rows(relative.distances, loader.positions);
        Ok(Self { layers: layers.collect::<Result<_, _>>()?, rows })
    }
}

impl<P: Parts> LayerDistances<P> {
    fn load(
        loader: &Loader<'_, P>,
        relative: &Relative,
        vectors: &P::Table,
        Size { hidden, heads, scale }: Size,
        index: usize,
        layer: &Layer<P>,
    ) -> Result<Self, P::Error> {
        // Distances have the projection of the tokens, which gives queries first and then keys, or their own.
        let projected = |projections: &Option<Projections>, third: usize| {
            let cut = |projection: &P::Linear, third: usize| {
                let columns = third * hidden..(third + 1) * hidden;
                loader.parts.distance_vectors(vectors, projection, columns, heads, scale)
            };
            let vectors = projections.as_ref().map(|projections| match projections {
                Projections::OfTokens => cut(&layer.query_key_value, third),
                Projections::Own(modules) => cut(&loader.linear(&modules[index], hidden, hidden)?, 0),
            });
            vectors.transpose()
        };
        Ok(Self { keys: projected(&relative.keys, 1)?, queries: projected(&relative.queries, 0)? })
    }
}

impl<P: Parts> Convolution<P> {
    fn load(
        loader: &Loader<'_, P>,
        names: &deberta_v2::Convolution,
        hidden: usize,
        epsilon: f32,
    ) -> Result<Self, P::Error> {
        let deberta_v2::Convolution { module, width, groups, activation, norm } = names;
        let shape = [hidden, hidden / groups, *width];
        let weight = loader.checkpoint.floats(&format!("{module}.weight"), &shape)?;
        let bias = loader.checkpoint.floats(&format!("{module}.bias"), &[hidden])?;
        Ok(Self {
            product: loader.parts.convolution(weight, bias, names)?,
            activation: *activation,
            norm: loader.norm(norm, hidden, epsilon)?,
        })
    }
}
