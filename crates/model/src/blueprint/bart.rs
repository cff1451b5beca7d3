//! An encoder with a decoder behind it: both are post-norm, and every layer of the decoder looks at the
//! encoder's states between its self-attention and its feed-forward half (<https://arxiv.org/abs/1910.13461>).

use super::post_norm::PostNorm;

/// Sizes, options and tensor names of an encoder with a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Bart {
    /// Reads the text.
    pub encoder: PostNorm,
    /// Reads it again, one token behind. Its tokens see those before them only. The word table is that of
    /// the encoder.
    pub decoder: Box<PostNorm>,
    /// Attention to the encoder's states in each layer of the decoder.
    pub cross: Vec<CrossNames>,
    /// What the decoder reads first.
    pub start: u32,
}

/// Modules of the attention to the encoder's states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossNames {
    /// Projection of the decoder's states to queries.
    pub query: String,
    /// Projections of the encoder's states to keys and values.
    pub key_value: [String; 2],
    /// Projection of the context.
    pub output: String,
    /// Norm of the sum of context and input.
    pub norm: String,
}

/// What the decoder reads for these rows: `start`, then the row without its last token.
pub fn shifted<'a>(start: u32, rows: impl Iterator<Item = &'a [u32]>) -> Vec<u32> {
    let row = |row: &'a [u32]| std::iter::once(start).chain(row.iter().copied()).take(row.len());
    rows.flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoder_reads_one_token_behind() {
        let rows: [&[u32]; 3] = [&[5, 6, 7], &[8], &[9, 2]];
        assert_eq!(shifted(3, rows.into_iter()), [3, 5, 6, 3, 3, 9]);
    }
}
