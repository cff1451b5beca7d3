//! How the matrices of a model are stored, as loading it finds them.

use std::{cell::RefCell, collections::BTreeMap};

use crate::checkpoint::Matrix;

/// Matrices that are stored alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// How: the scheme, or the type of plain floats.
    pub stored_as: String,
    /// How many matrices.
    pub matrices: usize,
    /// The weights in them.
    pub weights: u64,
}

/// Counts what is added to it.
#[derive(Debug, Default)]
pub(crate) struct Tally(RefCell<BTreeMap<String, (usize, u64)>>);

impl Tally {
    pub(crate) fn add(&self, matrix: &Matrix<'_>) {
        let stored_as = match matrix {
            Matrix::Dense(view) => format!("{:?}", view.dtype).to_lowercase(),
            Matrix::Packed(packed) => packed.scheme.to_string(),
        };
        let [rows, columns] = matrix.shape();
        let mut counts = self.0.borrow_mut();
        let (matrices, weights) = counts.entry(stored_as).or_default();
        *matrices += 1;
        *weights += rows as u64 * columns as u64;
    }

    pub(crate) fn into_holdings(self) -> Vec<Holding> {
        let counts = self.0.into_inner().into_iter();
        counts.map(|(stored_as, (matrices, weights))| Holding { stored_as, matrices, weights }).collect()
    }
}
