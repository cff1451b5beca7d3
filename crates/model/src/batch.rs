//! Token ids on their way to a backend: ragged, without padding.

/// One text or pair of texts as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Which text of the pair each token belongs to.
    pub type_ids: Vec<u32>,
    /// Whether text was cut off to fit the limit.
    pub truncated: bool,
}

/// Several texts, one after the other: row `i` has `lengths[i]` tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Token ids of all rows.
    pub ids: Vec<u32>,
    /// Token types of all rows.
    pub type_ids: Vec<u32>,
    /// Tokens per row, each at least 1.
    pub lengths: Vec<u32>,
}

/// A batch filled up to its longest row, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Padded {
    /// `rows × length` token ids, 0 where padded.
    pub ids: Vec<u32>,
    /// `rows × length` token types, 0 where padded.
    pub type_ids: Vec<u32>,
    /// Rows.
    pub rows: usize,
    /// Tokens per row.
    pub length: usize,
}

impl Batch {
    /// Puts rows together.
    pub fn new<'a>(rows: impl IntoIterator<Item = &'a Encoded>) -> Self {
        let mut batch = Self::default();
        for row in rows {
            batch.ids.extend(&row.ids);
            batch.type_ids.extend(&row.type_ids);
            batch.lengths.push(u32::try_from(row.ids.len()).unwrap_or(u32::MAX));
        }
        batch
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Number of real tokens.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Tokens of the longest row.
    pub fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0) as usize
    }

    /// The rows as ranges of `ids`.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.lengths.iter().scan(0, |start, length| {
            let range = *start..*start + *length as usize;
            *start = range.end;
            Some(range)
        })
    }

    /// Fills every row up to the longest.
    pub fn padded(&self) -> Padded {
        let (rows, length) = (self.rows(), self.longest());
        let mut padded =
            Padded { ids: vec![0; rows * length], type_ids: vec![0; rows * length], rows, length };
        for (row, range) in self.ranges().enumerate() {
            let place = row * length..row * length + range.len();
            padded.ids[place.clone()].copy_from_slice(&self.ids[range.clone()]);
            padded.type_ids[place].copy_from_slice(&self.type_ids[range]);
        }
        padded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ids: &[u32]) -> Encoded {
        Encoded { ids: ids.to_vec(), type_ids: ids.iter().map(|id| id % 2).collect(), truncated: false }
    }

    #[test]
    fn padding_keeps_rows_apart() {
        let batch = Batch::new(&[row(&[5, 6, 7]), row(&[8])]);
        assert_eq!((batch.rows(), batch.tokens(), batch.longest()), (2, 4, 3));
        assert_eq!(batch.ranges().collect::<Vec<_>>(), [0..3, 3..4]);
        let padded = batch.padded();
        assert_eq!(padded.ids, [5, 6, 7, 8, 0, 0]);
        assert_eq!(padded.type_ids, [1, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn an_empty_batch_is_empty() {
        let batch = Batch::new([]);
        assert_eq!((batch.rows(), batch.longest(), batch.padded().ids.len()), (0, 0, 0));
    }
}
