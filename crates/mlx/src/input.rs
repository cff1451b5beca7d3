//! A batch as MLX arrays, padded to its longest row, and what depends on its shape alone.

use std::{cell::RefCell, collections::BTreeMap};

use gatecheck_backend::Trace;
use gatecheck_model::batch::{Batch, Padded};
use mlx_rs::{
    Array, Dtype, Stream,
    error::Exception,
    ops::indexing::{Ellipsis, TryIndexOp},
};

/// Token ids of a batch on the device, with what tells padding from text.
pub(crate) struct Input {
    pub(crate) ids: Array,
    pub(crate) type_ids: Array,
    /// 0 at real tokens, a very negative number at padding, `[rows, 1, 1, length]`; `None` when nothing is padded.
    pub(crate) bias: Option<Array>,
    pub(crate) padded: Padded,
    pub(crate) lengths: Vec<u32>,
    /// Of the states.
    pub(crate) dtype: Dtype,
}

impl Input {
    pub(crate) fn new(batch: &Batch, dtype: Dtype) -> Result<Self, Exception> {
        let padded = batch.padded();
        let shape = [padded.rows as i32, padded.length as i32];
        let ragged = batch.lengths.iter().any(|length| *length as usize != padded.length);
        let mut input = Self {
            ids: Array::from_slice(&padded.ids, &shape),
            type_ids: Array::from_slice(&padded.type_ids, &shape),
            bias: None,
            lengths: batch.lengths.clone(),
            dtype,
            padded,
        };
        if ragged {
            let values = input.by_token(|_| 0.0, -1e9);
            let bias = Array::from_slice(&values, &[shape[0], 1, 1, shape[1]]);
            input.bias = Some(bias.as_dtype(dtype)?);
        }
        Ok(input)
    }

    /// A number for every token of the padded rows: `real` of the row's length, or `padding`.
    pub(crate) fn by_token(&self, real: impl Fn(usize) -> f32, padding: f32) -> Vec<f32> {
        let row = |length: &u32| {
            let (length, value) = (*length as usize, real(*length as usize));
            (0..self.padded.length).map(move |token| if token < length { value } else { padding })
        };
        self.lengths.iter().flat_map(row).collect()
    }

    /// The states of the real tokens, row after row.
    pub(crate) fn real_states(&self, x: &Array) -> Result<Vec<f32>, Exception> {
        let width = x.shape()[2] as usize;
        let states = x.as_dtype(Dtype::Float32)?.reshape(&[-1])?;
        states.eval()?;
        let rows = states.as_slice::<f32>().chunks_exact(self.padded.length * width);
        let kept = rows.zip(&self.lengths).flat_map(|(row, length)| &row[..*length as usize * width]);
        Ok(kept.copied().collect())
    }
}

/// Keeps the states of one stage, if they are asked for.
pub(crate) fn trace_stage(
    trace: &mut Option<&mut Trace>,
    stage: &str,
    x: &Array,
    input: &Input,
) -> Result<(), Exception> {
    if let Some(trace) = trace {
        trace.stages.push((stage.to_owned(), input.real_states(x)?));
    }
    Ok(())
}

/// Arrays that depend on the length of the padded rows alone, made once for each.
#[derive(Default)]
pub(crate) struct PerLength {
    arrays: RefCell<BTreeMap<usize, Array>>,
}

impl PerLength {
    /// The array for `length`.
    pub(crate) fn get(
        &self,
        length: usize,
        make: impl FnOnce() -> Result<Array, Exception>,
    ) -> Result<Array, Exception> {
        if let Some(array) = self.arrays.borrow().get(&length) {
            return Ok(array.clone());
        }
        let array = make()?;
        array.eval()?;
        self.arrays.borrow_mut().insert(length, array.clone());
        Ok(array)
    }

    /// As [`PerLength::get`] for an array `[…, length, length]` with which those of longer rows begin: one for
    /// each power of two is enough, and rows of every length do not fill the memory.
    pub(crate) fn corner(
        &self,
        length: usize,
        make: impl FnOnce(usize) -> Result<Array, Exception>,
    ) -> Result<Array, Exception> {
        let longer = length.next_power_of_two();
        let all = self.get(longer, || make(longer))?;
        let length = length as i32;
        all.try_index_device((Ellipsis, ..length, ..length), Stream::thread_local_or_default())
    }
}
