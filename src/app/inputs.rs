//! The examples of a cell as the model reads them, and how they are put into batches.
//!
//! Their tokens lie in a file without a name, which is gone with the process however that ends; only where each
//! row ends is in memory.

use std::{
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use gatecheck_base::fs::{FileError, nearest};
use gatecheck_model::batch::{Batch, Encoded};

/// Bytes of a token: its id and its type.
const TOKEN: u64 = 8;

/// The examples of a cell, in dataset order. Each is a row or several: a text or a pair read together, the two
/// texts of a similarity pair, or a premise with each hypothesis in turn.
#[derive(Debug)]
pub struct Inputs {
    file: File,
    folder: PathBuf,
    rows_each: usize,
    /// Tokens up to the end of each row.
    ends: Vec<u64>,
    truncated: usize,
}

/// Examples on their way into the file.
#[derive(Debug)]
pub struct Spool {
    file: BufWriter<File>,
    inputs: Inputs,
}

impl Spool {
    /// An empty one on the disk of `folder`, which need not be there yet.
    pub fn new(folder: &Path, rows_each: usize) -> Result<Self, FileError> {
        let failed = |error| FileError::new("write into", folder, error);
        let file = tempfile::tempfile_in(nearest(folder)).map_err(failed)?;
        let writer = BufWriter::new(file.try_clone().map_err(failed)?);
        let inputs = Inputs { file, folder: folder.to_owned(), rows_each, ends: Vec::new(), truncated: 0 };
        Ok(Self { file: writer, inputs })
    }

    /// Adds the rows of examples, one after the other.
    pub fn push(&mut self, rows: &[Encoded]) -> Result<(), FileError> {
        for example in rows.chunks(self.inputs.rows_each.max(1)) {
            self.inputs.truncated += usize::from(example.iter().any(|row| row.truncated));
            for row in example {
                let end = self.inputs.ends.last().copied().unwrap_or(0);
                self.inputs.ends.push(end + row.ids.len() as u64);
                let words = row.ids.iter().chain(&row.type_ids);
                let bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
                self.file
                    .write_all(&bytes)
                    .map_err(|error| FileError::new("write into", &self.inputs.folder, error))?;
            }
        }
        Ok(())
    }

    /// The examples, all there.
    pub fn finish(self) -> Result<Inputs, FileError> {
        let Self { mut file, mut inputs } = self;
        file.flush().map_err(|error| FileError::new("write into", &inputs.folder, error))?;
        inputs.ends.shrink_to_fit();
        Ok(inputs)
    }
}

impl Inputs {
    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.ends.len() / self.rows_each.max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many rows every example has.
    pub fn rows_each(&self) -> usize {
        self.rows_each
    }

    /// The rows of some examples, one after the other.
    pub fn batch(&self, examples: &[usize]) -> Result<Batch, FileError> {
        let mut batch = Batch::default();
        for example in examples {
            self.read(example * self.rows_each, self.rows_each, &mut batch)?;
        }
        Ok(batch)
    }

    /// The first so many rows of an example.
    pub fn rows(&self, example: usize, count: usize) -> Result<Batch, FileError> {
        let mut batch = Batch::default();
        self.read(example * self.rows_each, count.min(self.rows_each), &mut batch)?;
        Ok(batch)
    }

    /// Adds rows to a batch.
    fn read(&self, first: usize, count: usize, batch: &mut Batch) -> Result<(), FileError> {
        let (start, end) = (self.start(first), self.start(first + count));
        let mut bytes = vec![0; ((end - start) * TOKEN) as usize];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start * TOKEN))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| FileError::new("read from", &self.folder, error))?;
        let mut words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        for row in first..first + count {
            let length = self.length(row);
            batch.ids.extend(words.by_ref().take(length));
            batch.type_ids.extend(words.by_ref().take(length));
            batch.lengths.push(length as u32);
        }
        Ok(())
    }

    /// Tokens before a row.
    fn start(&self, row: usize) -> u64 {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    fn length(&self, row: usize) -> usize {
        (self.start(row + 1) - self.start(row)) as usize
    }

    /// Tokens of each row of an example.
    fn lengths(&self, example: usize) -> impl Iterator<Item = usize> {
        let first = example * self.rows_each;
        (first..first + self.rows_each).map(|row| self.length(row))
    }

    /// Tokens of the longest row of an example.
    fn longest(&self, example: usize) -> usize {
        self.lengths(example).max().unwrap_or(0)
    }

    /// Real tokens of each example.
    pub fn tokens(&self) -> Vec<u32> {
        (0..self.len()).map(|example| self.lengths(example).sum::<usize>() as u32).collect()
    }

    /// Examples of which a text was cut.
    pub fn truncated(&self) -> usize {
        self.truncated
    }

    /// Examples put together so that little is padded: sorted by their longest row, ties by position,
    /// and cut into batches of at most `rows` rows; an example of more rows is a batch of its own.
    pub fn batches(&self, rows: usize) -> Vec<Vec<usize>> {
        self.batches_of((0..self.len()).collect(), rows)
    }

    /// [`Inputs::batches`] of some examples alone, which are given by position.
    pub fn batches_of(&self, mut order: Vec<usize>, rows: usize) -> Vec<Vec<usize>> {
        order.sort_by_key(|example| self.longest(*example));
        order.chunks((rows / self.rows_each.max(1)).max(1)).map(<[usize]>::to_vec).collect()
    }

    /// Tokens of one pass when each batch is padded to its longest row.
    pub fn padded_tokens(&self, batches: &[Vec<usize>]) -> u64 {
        let padded = batches.iter().map(|batch| {
            let longest = batch.iter().map(|example| self.longest(*example)).max().unwrap_or(0);
            (batch.len() * self.rows_each * longest) as u64
        });
        padded.sum()
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Inputs whose examples have these rows.
    pub(in crate::app) fn inputs(examples: &[Vec<Encoded>]) -> Inputs {
        let mut spool = Spool::new(&std::env::temp_dir(), examples.first().map_or(1, Vec::len)).unwrap();
        examples.iter().for_each(|rows| spool.push(rows).unwrap());
        spool.finish().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples with a row of each length.
    fn inputs<const N: usize>(lengths: &[[usize; N]]) -> Inputs {
        let row = |length: &usize| Encoded {
            ids: vec![*length as u32; *length],
            type_ids: (0..*length as u32).collect(),
            truncated: *length > 8,
        };
        let examples: Vec<Vec<_>> = lengths.iter().map(|rows| rows.iter().map(row).collect()).collect();
        testing::inputs(&examples)
    }

    #[test]
    fn batches_hold_like_lengths_and_everything_once() {
        let inputs = inputs(&[[9], [2], [7], [2], [5]]);
        let batches = inputs.batches(2);
        assert_eq!(batches, [vec![1, 3], vec![4, 2], vec![0]]);
        assert_eq!(inputs.padded_tokens(&batches), 4 + 14 + 9);
        assert_eq!(inputs.batches_of(vec![0, 3, 4], 2), [vec![3, 4], vec![0]]);
        assert_eq!((inputs.tokens(), inputs.truncated()), (vec![9, 2, 7, 2, 5], 1));
    }

    #[test]
    fn pairs_of_texts_take_two_rows() {
        let inputs = inputs(&[[3, 1], [4, 1], [5, 1]]);
        assert_eq!((inputs.len(), inputs.rows_each()), (3, 2));
        assert_eq!(inputs.batches(4), [vec![0, 1], vec![2]]);
        assert_eq!(inputs.batches(1), [vec![0], vec![1], vec![2]]);
        assert_eq!(inputs.padded_tokens(&[vec![0, 1], vec![2]]), 16 + 10);
        assert_eq!(inputs.tokens(), [4, 5, 6]);
    }

    #[test]
    fn rows_come_back_as_they_went() {
        let inputs = inputs(&[[3, 1], [4, 2], [5, 1]]);
        let batch = inputs.batch(&[2, 0]).unwrap();
        assert_eq!(batch.lengths, [5, 1, 3, 1]);
        assert_eq!(batch.ids, [5, 5, 5, 5, 5, 1, 3, 3, 3, 1]);
        assert_eq!(batch.type_ids, [0, 1, 2, 3, 4, 0, 0, 1, 2, 0]);
        assert_eq!(inputs.rows(1, 1).unwrap().ids, [4; 4]);
        assert!(inputs.batch(&[]).unwrap().ids.is_empty());
    }
}
