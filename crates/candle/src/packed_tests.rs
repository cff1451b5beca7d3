use std::ops::Range;

use super::*;

/// Small whole numbers, so that every sum is exact in any order.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 31 + seed * 17 + i / 7) % 13) as f32 - 6.0).collect()
}

#[test]
fn every_kernel_is_exact_for_every_shape() {
    for kernel in Kernel::all() {
        for (rows, outputs, inner) in [
            (1, 1, 1),
            (2, 3, 5),
            (5, 16, 8),
            (14, 32, 3),
            (15, 33, 9),
            (29, 70, 17),
            (43, 96, 64),
            (7, 130, 1),
        ] {
            let (x, weight, bias) =
                (numbers(rows * inner, 1), numbers(outputs * inner, 2), numbers(outputs, 3));
            let panels = pack(&weight, outputs, inner, kernel.width);
            let mut output = Vec::with_capacity(rows * outputs);
            let shared = Shared::new(&mut output.spare_capacity_mut()[..rows * outputs], outputs);
            let middle = (outputs / 2).next_multiple_of(kernel.width).min(outputs);
            let some = |range: &Range<usize>| !range.is_empty();
            for columns in [0..middle, middle..outputs].into_iter().filter(some) {
                for rows in [0..rows / 2, rows / 2..rows].into_iter().filter(some) {
                    let block = Block {
                        kernel: &kernel,
                        x: &x,
                        inner,
                        panels: &panels,
                        bias: &bias,
                        rows,
                        columns: columns.clone(),
                    };
                    #[expect(unsafe_code, reason = "one task after the other")]
                    unsafe {
                        block.multiply(&shared);
                    }
                }
            }
            #[expect(unsafe_code, reason = "all four quarters are written")]
            unsafe {
                output.set_len(rows * outputs);
            }
            for (row, values) in output.chunks_exact(outputs).enumerate() {
                for (column, value) in values.iter().enumerate() {
                    let sum: f32 = (0..inner).map(|k| x[row * inner + k] * weight[column * inner + k]).sum();
                    assert_eq!(*value, sum + bias[column], "{kernel:?} {rows}×{outputs}×{inner}");
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "assertion failed")]
fn a_rectangle_beyond_the_matrix_is_refused() {
    let mut elements = Vec::<f32>::with_capacity(12);
    Shared::new(&mut elements.spare_capacity_mut()[..12], 4).at(2, 1, 2, 3);
}
