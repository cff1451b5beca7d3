//! The first states of the tokens: word, position and token-type vectors, added and normed.

use gatecheck_model::load::post_norm::Embeddings;
use mlx_rs::{Array, Stream, error::Exception, ops::indexing::TryIndexOp};

use crate::{input::Input, parts::Mlx};

/// States `[rows, length, hidden]` of these ids, which have the shape of the input's.
pub(crate) fn forward(embeddings: &Embeddings<Mlx>, ids: &Array, input: &Input) -> Result<Array, Exception> {
    let Embeddings { words, positions, first_position, types, norm, projection, norm_last } = embeddings;
    let mut states = words.take_axis(ids, 0)?;
    if let Some(types) = types {
        states = states.add(types.take_axis(&input.type_ids, 0)?)?;
    }
    if let Some(positions) = positions {
        let first = *first_position as i32;
        let rows = first..first + input.padded.length as i32;
        let stream = Stream::thread_local_or_default();
        states = states.add(positions.try_index_device((rows, ..), stream)?)?;
    }
    if !norm_last {
        states = norm.forward(&states)?;
    }
    if let Some(projection) = projection {
        states = projection.forward(&states)?;
    }
    if *norm_last { norm.forward(&states) } else { Ok(states) }
}
