//! What a batch must keep to before a backend looks anything up: MLX reads beyond the end of a table
//! without a word, and a row without tokens has no first one.

use gatecheck_model::{batch::Batch, blueprint::Limits};

/// Why a batch cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// An id without a row in its table.
    #[error("{what} {highest} is beyond the table of {rows} rows")]
    BeyondTable {
        /// `token id`, `token type` or `position`.
        what: &'static str,
        /// The highest one in the batch.
        highest: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// A batch without rows.
    #[error("the batch has no rows")]
    Empty,
    /// A row without tokens.
    #[error("row {row} of the batch has no tokens")]
    EmptyRow {
        /// The row.
        row: usize,
    },
    /// Lengths, ids and types that do not belong together.
    #[error("the batch has {ids} token ids and {type_ids} token types for rows of {tokens} tokens in all")]
    Ragged {
        /// Number of ids.
        ids: usize,
        /// Number of types.
        type_ids: usize,
        /// Sum of the lengths.
        tokens: usize,
    },
}

impl InputError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BeyondTable { what: "position", .. } => {
                Some("lower `max_length` of the dataset's preprocessing".to_owned())
            }
            Self::BeyondTable { .. } => {
                Some("the tokenizer belongs to another model; take the one of this model".to_owned())
            }
            _ => None,
        }
    }
}

/// Refuses a batch that would be looked up in vain.
pub fn check(limits: &Limits, batch: &Batch) -> Result<(), InputError> {
    let tokens = batch.lengths.iter().map(|length| *length as usize).sum();
    if batch.rows() == 0 {
        return Err(InputError::Empty);
    }
    if let Some(row) = batch.lengths.iter().position(|length| *length == 0) {
        return Err(InputError::EmptyRow { row });
    }
    if batch.ids.len() != tokens || batch.type_ids.len() != tokens {
        let (ids, type_ids) = (batch.ids.len(), batch.type_ids.len());
        return Err(InputError::Ragged { ids, type_ids, tokens });
    }
    let highest = |ids: &[u32]| ids.iter().copied().max().unwrap_or(0) as usize;
    let pairs = [
        ("token id", highest(&batch.ids), limits.vocabulary),
        ("token type", highest(&batch.type_ids), limits.token_types),
        ("position", batch.longest() - 1, limits.positions),
    ];
    match pairs.into_iter().find(|(_, highest, rows)| highest >= rows) {
        Some((what, highest, rows)) => Err(InputError::BeyondTable { what, highest, rows }),
        None => Ok(()),
    }
}
