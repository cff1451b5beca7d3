//! What a loaded arm can do.

use crate::{Diagnose, Encode, Generate, Model, Score};

/// A loaded arm. What it can do it shows as a reference to itself; what it cannot, not at all.
pub trait Arm: Model {
    /// Rows of tokens to rows of numbers.
    fn as_encode(&mut self) -> Option<&mut dyn Encode> {
        None
    }

    /// The likelihood of given texts.
    fn as_score(&mut self) -> Option<&mut dyn Score> {
        None
    }

    /// New text.
    fn as_generate(&mut self) -> Option<&mut dyn Generate> {
        None
    }

    /// A look inside.
    fn as_diagnose(&mut self) -> Option<&mut dyn Diagnose> {
        None
    }
}
