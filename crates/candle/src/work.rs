//! What the matrix products of a forward pass would take alone: the least that the baseline could need.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use gatecheck_backend::Floor;

use crate::{
    packed::pack,
    product::{Finish, Weights, product},
    tile::Kernel,
};

/// Matrix products of one forward pass.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Rows, inputs and outputs of each product with weights.
    products: Vec<[usize; 3]>,
    /// Floating-point operations of the products inside attention.
    attention: u64,
}

static LOGGING: AtomicBool = AtomicBool::new(false);
static LOG: Mutex<Work> = Mutex::new(Work { products: Vec::new(), attention: 0 });

/// Notes a product with weights, while somebody listens.
pub(crate) fn note_product(rows: usize, inputs: usize, outputs: usize) {
    if LOGGING.load(Ordering::Relaxed) {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).products.push([rows, inputs, outputs]);
    }
}

/// Notes so many products of an attention, where each query looks at so many keys.
pub(crate) fn note_attention(keys: impl Iterator<Item = usize>, hidden: usize, products: u64) {
    if LOGGING.load(Ordering::Relaxed) {
        let pairs = keys.sum::<usize>() as u64;
        LOG.lock().unwrap_or_else(PoisonError::into_inner).attention += 2 * products * pairs * hidden as u64;
    }
}

impl Work {
    /// The products that `pass` does. One backend per process listens.
    pub(crate) fn of<E>(pass: impl FnOnce() -> Result<(), E>) -> Result<Self, E> {
        LOGGING.store(true, Ordering::Relaxed);
        let done = pass();
        LOGGING.store(false, Ordering::Relaxed);
        let work = std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner));
        done.map(|()| work)
    }

    /// Floating-point operations; a multiplication and an addition count as two.
    pub(crate) fn operations(&self) -> u64 {
        self.products.iter().map(operations).sum::<u64>() + self.attention
    }

    /// Times the products with weights, each the best of three, and takes those of attention at their rate.
    pub(crate) fn floor(&self) -> Floor {
        let mut shapes = self.products.clone();
        shapes.sort_unstable();
        let (mut ns, mut done) = (0.0, 0);
        for same in shapes.chunk_by(|left, right| left == right) {
            ns += same.len() as f64 * best_ns(same[0]);
            done += same.len() as u64 * operations(&same[0]);
        }
        let total = self.operations();
        Floor { ns: (ns * total as f64 / done.max(1) as f64) as u64, operations: total }
    }
}

/// Operations per second of a large product on the threads of the current pool.
pub(crate) fn highest_rate() -> f64 {
    const SHAPE: [usize; 3] = [4096, 1024, 1024];
    operations(&SHAPE) as f64 / best_ns(SHAPE) * 1e9
}

fn operations([rows, inputs, outputs]: &[usize; 3]) -> u64 {
    2 * (rows * inputs * outputs) as u64
}

/// The fastest of several runs of one product, in nanoseconds.
fn best_ns([rows, inputs, outputs]: [usize; 3]) -> f64 {
    let kernel = Kernel::of_this_cpu();
    let numbers = |count: usize| (0..count).map(|index| (index % 7) as f32 - 3.0).collect::<Vec<_>>();
    let (x, bias, plain) = (numbers(rows * inputs), vec![0.0; outputs], numbers(inputs * outputs));
    let values = if kernel.fast { pack(&plain, outputs, inputs, kernel.width) } else { plain };
    let weights = Weights { values: &values, packed: kernel.fast, bias: &bias, inputs };
    let run = || {
        let start = Instant::now();
        std::hint::black_box(product(&x, &weights, &Finish::Nothing));
        start.elapsed().as_nanos() as f64
    };
    (0..4).map(|_| run()).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_while_somebody_listens() {
        note_product(1, 1, 1);
        let work = Work::of(|| {
            note_product(3, 4, 5);
            note_product(3, 4, 5);
            note_attention([2, 2, 3, 3, 3].into_iter(), 8, 2);
            Ok::<(), ()>(())
        });
        let work = work.unwrap();
        assert_eq!(work.operations(), 2 * 2 * 60 + 4 * 13 * 8);
        let floor = work.floor();
        assert!(floor.ns > 0 && floor.operations == work.operations());
        assert!(Work::of(|| Err::<(), _>("no")).is_err());
    }
}
