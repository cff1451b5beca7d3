//! What DeBERTa adds to the scores of attention: products of tokens and distances.

use std::ops::Range;

use gatecheck_model::blueprint::deberta_v2::Distances;
use mlx_rs::{Array, Stream, error::Exception, ops, ops::indexing::TryIndexOp};

use crate::{input::PerLength, linear::Linear};

/// Scaled vectors `[heads, distances, size]` out of these `columns` of what `projection` makes of a table's rows.
pub(crate) fn vectors(
    table: &Array,
    projection: &Linear,
    columns: Range<usize>,
    heads: usize,
    scale: f32,
) -> Result<Array, Exception> {
    let (count, hidden, heads) = (table.shape()[0], columns.len() as i32, heads as i32);
    let columns = columns.start as i32..columns.end as i32;
    let projected = projection.forward(table)?.try_index((.., columns))?;
    let scaled = projected.multiply(Array::from_f32(scale).as_dtype(table.dtype())?)?;
    let scaled = scaled.reshape(&[count, heads, hidden / heads])?.transpose_axes(&[1, 0, 2])?;
    // As it lies there the products need no copy of it.
    let scaled = scaled.contiguous()?;
    scaled.eval()?;
    Ok(scaled)
}

/// Which row of the table of distances belongs to each query and key.
pub(crate) struct DistanceRows {
    distances: Distances,
    /// By length.
    pairs: PerLength,
}

/// Those for texts of one length.
pub(crate) struct PairRows {
    /// For each query and key, counted from the first one that is reached, `[1, 1, length, length]`.
    pairs: Array,
    /// From the farthest key after a query to the farthest before it.
    reached: Range<i32>,
}

impl DistanceRows {
    pub(crate) fn new(distances: Distances) -> Self {
        Self { distances, pairs: PerLength::default() }
    }

    /// The rows for texts of `length` tokens.
    pub(crate) fn of(&self, length: usize) -> Result<PairRows, Exception> {
        let pairs = self.pairs.corner(length, |length| {
            let by_distance = self.distances.by_distance(length);
            let row = |query: usize| by_distance[query..][..length].iter().rev();
            let rows: Vec<i32> = (0..length).flat_map(row).map(|row| *row as i32).collect();
            Ok(Array::from_slice(&rows, &[length as i32, length as i32]))
        })?;
        let far = length as i64 - 1;
        let reached = self.distances.row(-far) as i32..self.distances.row(far) as i32 + 1;
        let pairs = pairs.subtract(Array::from_int(reached.start))?.expand_dims_axes(&[0, 1])?;
        Ok(PairRows { pairs, reached })
    }
}

/// What is added to the scores `[rows, heads, length, length]` of a layer, together with `bias`: products of
/// queries of tokens and `keys` of distances, and of keys of tokens and `queries` of distances.
pub(crate) fn bias(
    (keys, queries): (Option<&Array>, Option<&Array>),
    rows: &PairRows,
    [query, key, _]: &[Array; 3],
    bias: Option<&Array>,
) -> Result<Option<Array>, Exception> {
    let PairRows { pairs, reached } = rows;
    let stream = Stream::thread_local_or_default();
    let vectors = |all: &Array| all.try_index_device((.., reached.clone()), &stream);
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
