//! Multi-head attention as an MLX graph.

use mlx_rs::{Array, error::Exception, fast};

pub(crate) use mlx_rs::fast::ScaledDotProductAttentionMask as Mask;

/// Multi-head attention on queries, keys and values `[rows, length, hidden]`.
pub(crate) fn attention(
    query: &Array,
    key: &Array,
    value: &Array,
    (heads, scale): (usize, f32),
    mask: Option<Mask<'_>>,
) -> Result<Array, Exception> {
    attend(&[per_head(query, heads)?, per_head(key, heads)?, per_head(value, heads)?], scale, mask)
}

/// The vectors of each head, `[rows, heads, length, size]`, of `[rows, length, hidden]`.
pub(crate) fn per_head(x: &Array, heads: usize) -> Result<Array, Exception> {
    let [rows, length, hidden] = [0, 1, 2].map(|axis| x.shape()[axis]);
    let heads = heads as i32;
    x.reshape(&[rows, length, heads, hidden / heads])?.transpose_axes(&[0, 2, 1, 3])
}

/// `softmax(scale·Q·Kᵀ)·V` of all heads, side by side.
pub(crate) fn attend(
    [query, key, value]: &[Array; 3],
    scale: f32,
    mask: Option<Mask<'_>>,
) -> Result<Array, Exception> {
    let [rows, heads, length, size] = [0, 1, 2, 3].map(|axis| query.shape()[axis]);
    let context = fast::scaled_dot_product_attention(query, key, value, scale, mask, None)?;
    context.transpose_axes(&[0, 2, 1, 3])?.reshape(&[rows, length, heads * size])
}
