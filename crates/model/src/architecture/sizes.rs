//! Sizes that no model has.

use crate::error::ConfigError;

/// More layers or groups than any model has. Their tensors are listed by name before a file is opened.
const MOST_LAYERS: usize = 1000;

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
    let listed = |key: &str| ["layers", "group", "networks"].iter().any(|part| key.contains(part));
    if let Some((key, size)) = all().find(|(key, size)| listed(key) && *size > MOST_LAYERS) {
        return Err(ConfigError::Inconsistent(format!("`{key}` is {size}, more than {MOST_LAYERS}")));
    }
    if width.1.is_multiple_of(heads.1) {
        return Ok(());
    }
    Err(ConfigError::Inconsistent(format!(
        "`{}` {} is not divisible by `{}` {}",
        width.0, width.1, heads.0, heads.1
    )))
}
