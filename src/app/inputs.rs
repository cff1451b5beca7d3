//! The examples of a cell as the model reads them, and how they are put into batches.

use gatecheck_model::batch::Encoded;

/// One example as the model reads it: a text or a pair read together, the two texts of a similarity
/// pair, or a premise with each hypothesis in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The rows of a batch, at least one.
    pub rows: Vec<Encoded>,
}

impl Input {
    /// Real tokens.
    fn tokens(&self) -> u32 {
        self.rows.iter().map(|row| row.ids.len() as u32).sum()
    }

    /// Tokens of the longest row.
    fn longest(&self) -> u32 {
        self.rows.iter().map(|row| row.ids.len() as u32).max().unwrap_or(0)
    }
}

/// The examples of a cell, in dataset order. What holds them is nobody else's business.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    examples: Vec<Input>,
}

impl Inputs {
    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// The rows of an example.
    pub fn rows(&self, example: usize) -> &[Encoded] {
        &self.examples[example].rows
    }

    /// The rows of some examples, one after the other.
    pub fn rows_of(&self, examples: &[usize]) -> impl Iterator<Item = &Encoded> {
        examples.iter().flat_map(|example| self.rows(*example))
    }

    /// How many rows every example has.
    pub fn rows_each(&self) -> usize {
        self.examples.first().map_or(0, |input| input.rows.len())
    }

    /// Real tokens of each example.
    pub fn tokens(&self) -> Vec<u32> {
        self.examples.iter().map(Input::tokens).collect()
    }

    /// Examples of which a text was cut.
    pub fn truncated(&self) -> usize {
        self.examples.iter().filter(|input| input.rows.iter().any(|row| row.truncated)).count()
    }

    /// Examples put together so that little is padded: sorted by their longest row, ties by position,
    /// and cut into batches of at most `rows` rows; an example of more rows is a batch of its own.
    pub fn batches(&self, rows: usize) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|index| self.examples[*index].longest());
        order.chunks((rows / self.rows_each().max(1)).max(1)).map(<[usize]>::to_vec).collect()
    }

    /// Tokens of one pass when each batch is padded to its longest row.
    pub fn padded_tokens(&self, batches: &[Vec<usize>]) -> u64 {
        let padded = batches.iter().map(|batch| {
            let rows: usize = batch.iter().map(|index| self.rows(*index).len()).sum();
            let longest = batch.iter().map(|index| self.examples[*index].longest()).max().unwrap_or(0);
            rows as u64 * u64::from(longest)
        });
        padded.sum()
    }
}

impl FromIterator<Input> for Inputs {
    fn from_iter<I: IntoIterator<Item = Input>>(examples: I) -> Self {
        Self { examples: examples.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An example with a row of each length.
    fn input(lengths: &[usize]) -> Input {
        let row =
            |length: &usize| Encoded { ids: vec![1; *length], type_ids: vec![0; *length], truncated: false };
        Input { rows: lengths.iter().map(row).collect() }
    }

    #[test]
    fn batches_hold_like_lengths_and_everything_once() {
        let inputs: Inputs = [9, 2, 7, 2, 5].map(|length| input(&[length])).into_iter().collect();
        let batches = inputs.batches(2);
        assert_eq!(batches, [vec![1, 3], vec![4, 2], vec![0]]);
        assert_eq!(inputs.padded_tokens(&batches), 4 + 14 + 9);
    }

    #[test]
    fn pairs_of_texts_take_two_rows() {
        let inputs: Inputs = [3, 4, 5].map(|length| input(&[length, 1])).into_iter().collect();
        assert_eq!(inputs.batches(4), [vec![0, 1], vec![2]]);
        assert_eq!(inputs.batches(1), [vec![0], vec![1], vec![2]]);
        assert_eq!(inputs.padded_tokens(&[vec![0, 1], vec![2]]), 16 + 10);
        assert!(Inputs::default().batches(4).is_empty());
    }
}
