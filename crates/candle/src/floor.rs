//! What matrix products take alone: the least that the baseline could need.

use std::time::Instant;

use gatecheck_backend::Floor;

use crate::{
    packed::pack,
    product::{Finish, Weights, product},
    tile::Kernel,
    work::{Shape, Work, operations},
};

/// Times the products with weights, each the best of a few, and takes those of attention at their rate.
pub(crate) fn floor(work: &Work) -> Floor {
    let mut shapes = work.products.clone();
    shapes.sort_unstable();
    let (mut ns, mut done) = (0.0, 0);
    for same in shapes.chunk_by(|left, right| left == right) {
        ns += same.len() as f64 * best_ns(same[0]);
        done += same.len() as u64 * operations(same[0]);
    }
    let total = work.operations();
    Floor { ns: (ns * total as f64 / done.max(1) as f64) as u64, operations: total }
}

/// Operations per second of a large product on the threads of the current pool.
pub(crate) fn highest_rate() -> f64 {
    const SHAPE: Shape = [4096, 1024, 1024];
    operations(SHAPE) as f64 / best_ns(SHAPE) * 1e9
}

/// The fastest of several runs of one product, in nanoseconds.
fn best_ns([rows, inputs, outputs]: Shape) -> f64 {
    let kernel = Kernel::of_this_cpu();
    let numbers = |count: usize| (0..count).map(|index| (index % 7) as f32 - 3.0).collect::<Vec<_>>();
    let (x, bias, plain) = (numbers(rows * inputs), vec![0.0; outputs], numbers(inputs * outputs));
    let values = if kernel.fast { pack(&plain, outputs, inputs, kernel.width) } else { plain };
    let weights = Weights { values: &values, kernel: &kernel, bias: &bias, inputs };
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
    use crate::work::Recorder;

    #[test]
    fn a_floor_is_of_all_products() {
        let recorder = Recorder::default();
        let work = recorder.listen(|| {
            recorder.product([3, 4, 5]);
            recorder.attention(|| 13, 8, 2);
            Ok::<(), ()>(())
        });
        let floor = floor(&work.unwrap());
        assert!(floor.ns > 0);
        assert_eq!(floor.operations, 2 * 60 + 4 * 13 * 8);
    }
}
