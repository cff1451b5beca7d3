//! What DeBERTa adds to the scores of attention: products of tokens and distances.

use std::ops::Range;

use gatecheck_model::deberta_v2::{Distances, Projections, Relative};
use mlx_rs::{Array, Stream, error::Exception, ops, ops::indexing::TryIndexOp};

use crate::{Failure, input::PerLength, layers::Linear, post_norm::PostNorm, weights::Loader};

/// The vectors of distances in all layers.
pub(crate) struct Disentangled {
    layers: Vec<Vectors>,
    distances: Distances,
    /// The place of the vector of each query and key, by length.
    all_places: PerLength,
}

/// Which vectors rows of one length need.
pub(crate) struct Places {
    /// For each query and key, counted from the first one that is reached, `[1, 1, length, length]`.
    pairs: Array,
    /// From the farthest key after a query to the farthest before it.
    reached: Range<i32>,
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
    pub(crate) fn load(
        loader: &Loader<'_>,
        relative: &Relative,
        vectors: &Array,
        base: &PostNorm,
        scale: f32,
    ) -> Result<Self, Failure> {
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
        let of_layer = |(index, shared): (usize, &Linear)| -> Result<Vectors, Failure> {
            let vectors = |projections: &Option<Projections>, third| match projections {
                None => Ok(None),
                Some(Projections::OfTokens) => Ok(Some(scaled(shared, third)?)),
                Some(Projections::Own(modules)) => {
                    let own = loader.linear(&modules[index], hidden as usize, hidden as usize)?;
                    Ok::<_, Failure>(Some(scaled(&own, 0)?))
                }
            };
            Ok(Vectors { keys: vectors(&relative.keys, 1)?, queries: vectors(&relative.queries, 0)? })
        };
        let layers = base.weights.iter().map(|layer| &layer.query_key_value).enumerate().map(of_layer);
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
            distances: relative.distances,
            all_places: PerLength::default(),
        })
    }

    /// The places for rows of `length` tokens.
    pub(crate) fn places(&self, length: usize) -> Result<Places, Exception> {
        let pairs = self.all_places.corner(length, |length| {
            let by_distance = self.distances.by_distance(length);
            let row = |query: usize| by_distance[query..][..length].iter().rev();
            let places: Vec<i32> = (0..length).flat_map(row).map(|place| *place as i32).collect();
            Ok(Array::from_slice(&places, &[length as i32, length as i32]))
        })?;
        let far = length as i64 - 1;
        let reached = self.distances.row(-far) as i32..self.distances.row(far) as i32 + 1;
        let pairs = pairs.subtract(Array::from_int(reached.start))?.expand_dims_axes(&[0, 1])?;
        Ok(Places { pairs, reached })
    }

    /// What is added to the scores `[rows, heads, length, length]` of a layer, together with `bias`.
    pub(crate) fn bias(
        &self,
        layer: usize,
        places: &Places,
        [query, key, _]: &[Array; 3],
        bias: Option<&Array>,
    ) -> Result<Option<Array>, Exception> {
        let Places { pairs, reached } = places;
        let stream = Stream::thread_local_or_default();
        let vectors = |all: &Array| all.try_index_device((.., reached.clone()), &stream);
        let Vectors { keys, queries } = &self.layers[layer];
        let mut sum = bias.cloned();
        let mut add = |scores: Array| {
            sum = Some(sum.as_ref().map_or(Ok(scores.clone()), |sum| scores.add(sum))?);
            Ok::<_, Exception>(())
        };
        if let Some(keys) = keys {
            let products = ops::matmul(query, &vectors(keys)?.transpose_axes(&[0, 2, 1])?)?;
            add(products.take_along_axis(pairs, 3)?)?;
        }
        if let Some(queries) = queries {
            let products = ops::matmul(&vectors(queries)?, &key.transpose_axes(&[0, 1, 3, 2])?)?;
            add(products.take_along_axis(pairs, 2)?)?;
        }
        Ok(sum)
    }
}
