//! What DeBERTa adds to the scores of attention: products of tokens and distances.

use mlx_rs::{Array, Stream, error::Exception, ops, ops::indexing::TryIndexOp};

use super::{input::PerLength, layers::Linear, post_norm::PostNorm, weights::Loader};
use crate::{
    backend::BackendError,
    model::deberta_v2::{Distances, Projections, Relative},
};

/// The vectors of distances in all layers.
pub(super) struct Disentangled {
    layers: Vec<Vectors>,
    distances: Distances,
    places: PerLength,
}

/// Scaled vectors `[heads, distances, size]` of one layer.
struct Vectors {
    /// For the queries of tokens.
    keys: Option<Array>,
    /// For the keys of tokens.
    queries: Option<Array>,
}

impl Disentangled {
    /// Takes the vectors `[distances, hidden]`.
    pub(super) fn load(
        loader: &Loader<'_>,
        relative: &Relative,
        vectors: &Array,
        base: &PostNorm,
        scale: f32,
    ) -> Result<Self, BackendError> {
        let [count, hidden] = [0, 1].map(|axis| vectors.shape()[axis]);
        let heads = base.heads as i32;
        let scaled = |projection: &Linear, third: i32| -> Result<Array, Exception> {
            let projected =
                projection.forward(vectors)?.try_index((.., third * hidden..(third + 1) * hidden))?;
            let scaled = projected.multiply(Array::from_f32(scale).as_dtype(vectors.dtype())?)?;
            let scaled = scaled.reshape(&[count, heads, hidden / heads])?.transpose_axes(&[1, 0, 2])?;
            // As it lies there the products need no copy of it.
            let scaled = scaled.contiguous()?;
            scaled.eval()?;
            Ok(scaled)
        };
        let of_layer = |(index, shared): (usize, &Linear)| -> Result<Vectors, BackendError> {
            let vectors = |projections: &Option<Projections>, third| match projections {
                None => Ok(None),
                Some(Projections::OfTokens) => Ok(Some(scaled(shared, third)?)),
                Some(Projections::Own(modules)) => {
                    let own = loader.linear(&modules[index], hidden as usize, hidden as usize)?;
                    Ok::<_, BackendError>(Some(scaled(&own, 0)?))
                }
            };
            Ok(Vectors { keys: vectors(&relative.keys, 1)?, queries: vectors(&relative.queries, 0)? })
        };
        let layers = base.weights.iter().map(|layer| &layer.query_key_value).enumerate().map(of_layer);
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
            distances: relative.distances,
            places: PerLength::default(),
        })
    }

    /// What is added to the scores `[rows, heads, length, length]` of a layer, together with `bias`.
    pub(super) fn bias(
        &self,
        layer: usize,
        [query, key, _]: &[Array; 3],
        bias: Option<&Array>,
    ) -> Result<Option<Array>, Exception> {
        let length = query.shape()[2] as usize;
        let far = length as i64 - 1;
        let (first, last) = (self.distances.row(-far) as i32, self.distances.row(far) as i32);
        let places = self.places.get(length, || {
            let by_distance = self.distances.by_distance(length);
            let row = |query: usize| by_distance[query..][..length].iter().rev();
            let places: Vec<i32> = (0..length).flat_map(row).map(|place| *place as i32 - first).collect();
            Ok(Array::from_slice(&places, &[1, 1, length as i32, length as i32]))
        })?;
        let stream = Stream::thread_local_or_default();
        let reached = |vectors: &Array| vectors.try_index_device((.., first..last + 1), &stream);
        let Vectors { keys, queries } = &self.layers[layer];
        let mut sum = bias.cloned();
        let mut add = |scores: Array| {
            sum = Some(sum.as_ref().map_or(Ok(scores.clone()), |sum| scores.add(sum))?);
            Ok::<_, Exception>(())
        };
        if let Some(keys) = keys {
            let products = ops::matmul(query, &reached(keys)?.transpose_axes(&[0, 2, 1])?)?;
            add(products.take_along_axis(&places, 3)?)?;
        }
        if let Some(queries) = queries {
            let products = ops::matmul(&reached(queries)?, &key.transpose_axes(&[0, 1, 3, 2])?)?;
            add(products.take_along_axis(&places, 2)?)?;
        }
        Ok(sum)
    }
}
