//! Which matrix products a forward pass does.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Rows, inputs and outputs of a product with weights.
pub(crate) type Shape = [usize; 3];

/// Matrix products of one forward pass.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// The products with weights.
    pub(crate) products: Vec<Shape>,
    /// Floating-point operations of the products inside attention.
    attention: u64,
}

impl Work {
    /// Floating-point operations.
    pub(crate) fn operations(&self) -> u64 {
        self.products.iter().copied().map(operations).sum::<u64>() + self.attention
    }
}

/// Floating-point operations of a product; a multiplication and an addition count as two.
pub(crate) fn operations([rows, inputs, outputs]: Shape) -> u64 {
    2 * (rows * inputs * outputs) as u64
}

/// What the parts of one model tell of their products while somebody listens. Otherwise they only look whether
/// somebody does, once for each product.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    listening: AtomicBool,
    work: Mutex<Work>,
}

impl Recorder {
    /// A product with weights.
    pub(crate) fn product(&self, shape: Shape) {
        self.note(|work| work.products.push(shape));
    }

    /// So many products of an attention, where all queries together look at `keys` keys.
    pub(crate) fn attention(&self, keys: impl FnOnce() -> usize, hidden: usize, products: u64) {
        self.note(|work| work.attention += 2 * products * (keys() * hidden) as u64);
    }

    fn note(&self, note: impl FnOnce(&mut Work)) {
        if self.listening.load(Ordering::Relaxed) {
            note(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The products that `pass` does.
    pub(crate) fn listen<E>(&self, pass: impl FnOnce() -> Result<(), E>) -> Result<Work, E> {
        self.listening.store(true, Ordering::Relaxed);
        let done = pass();
        self.listening.store(false, Ordering::Relaxed);
        let work = std::mem::take(&mut *self.work.lock().unwrap_or_else(PoisonError::into_inner));
        done.map(|()| work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_while_somebody_listens() {
        let recorder = Recorder::default();
        recorder.product([1, 1, 1]);
        recorder.attention(|| panic!("nobody listens"), 1, 1);
        let work = recorder.listen(|| {
            recorder.product([3, 4, 5]);
            recorder.product([3, 4, 5]);
            recorder.attention(|| [2, 2, 3, 3, 3].iter().sum(), 8, 2);
            Ok::<(), ()>(())
        });
        let work = work.unwrap();
        assert_eq!((work.products.len(), work.operations()), (2, 2 * 2 * 60 + 4 * 13 * 8));
        assert!(recorder.listen(|| Err::<(), _>("no")).is_err());
        assert_eq!(recorder.listen(|| Ok::<(), ()>(())).unwrap().operations(), 0);
    }
}
