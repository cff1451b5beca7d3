//! What a table holds in one place, whatever file it came from.

/// One value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Nothing.
    Null,
    /// Text; a boolean is `true` or `false`.
    Text(String),
    /// A whole number; files have them up to 2^64.
    Whole(i128),
    /// Any other number; never NaN.
    Real(f64),
    /// Something else, in words.
    Other(String),
}
