//! Sizes that no model has.

use crate::error::ConfigError;

/// More layers or groups than any model has. Their tensors are listed by name before a file is opened.
const MOST_LAYERS: usize = 1000;
/// More tokens than any encoder reads at once. What attention adds by distance is worked out for all of them.
const MOST_POSITIONS: usize = 1 << 20;
/// More than a dimension of any tensor. MLX counts them in 32 bits.
const MOST: usize = 1 << 30;

/// Refuses sizes of 0, more layers than can be, and a width that the heads cannot share.
pub(super) fn check_sizes(
    sizes: &[(&str, usize)],
    width: (&str, usize),
    heads: (&str, usize),
) -> Result<(), ConfigError> {
    let all = || sizes.iter().chain([&width, &heads]);
    if let Some((key, _)) = all().find(|(_, size)| *size == 0) {
        return Err(ConfigError::Inconsistent(format!("`{key}` is 0")));
    }
    all().try_for_each(|(key, size)| check_most(key, *size))?;
    if width.1.is_multiple_of(heads.1) {
        return Ok(());
    }
    Err(ConfigError::Inconsistent(format!(
        "`{}` {} is not divisible by `{}` {}",
        width.0, width.1, heads.0, heads.1
    )))
}

/// Refuses what would be more of it than any model has.
pub(super) fn check_most(key: &str, size: usize) -> Result<(), ConfigError> {
    let is_of = |parts: &[&str]| parts.iter().any(|part| key.contains(part));
    let most = match key {
        _ if is_of(&["layers", "group", "networks"]) => MOST_LAYERS,
        _ if is_of(&["position"]) => MOST_POSITIONS,
        _ => MOST,
    };
    if size <= most {
        return Ok(());
    }
    Err(ConfigError::Inconsistent(format!("`{key}` is {size}, more than {most}")))
}

/// Refuses more layers than any model has where each of so many has so many others in it.
pub(super) fn check_product(outer: (&str, usize), inner: (&str, usize)) -> Result<(), ConfigError> {
    let product = outer.1.saturating_mul(inner.1);
    if product <= MOST_LAYERS {
        return Ok(());
    }
    Err(ConfigError::Inconsistent(format!(
        "`{}` × `{}` are {product}, more than {MOST_LAYERS}",
        outer.0, inner.0
    )))
}
