//! Weights laid out for the tile kernel once, at load, and products with them.

use std::marker::PhantomData;

use crate::tile::{Kernel, Tile};

/// A matrix of weights `[outputs, inputs]` turned into panels: the first [`Kernel::width`] outputs of
/// input 0, then of input 1, and so on; then the next panel. The last one is filled up with zeros.
pub(crate) fn pack(weight: &[f32], outputs: usize, inputs: usize, width: usize) -> Vec<f32> {
    let mut panels = vec![0.0; outputs.div_ceil(width) * width * inputs];
    for (panel, weight) in panels.chunks_exact_mut(width * inputs).zip(weight.chunks(width * inputs)) {
        for (column, row) in weight.chunks_exact(inputs).enumerate() {
            for (line, value) in panel.chunks_exact_mut(width).zip(row) {
                line[column] = *value;
            }
        }
    }
    panels
}

/// A matrix that several tasks write disjoint parts of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    length: usize,
    stride: usize,
    elements: PhantomData<&'a mut [f32]>,
}

#[expect(unsafe_code, reason = "a `&mut [f32]` that is split by columns, which slices cannot express")]
unsafe impl Send for Shared<'_> {}
#[expect(unsafe_code, reason = "a `&mut [f32]` that is split by columns, which slices cannot express")]
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Rows of `stride` elements.
    pub(crate) fn new(elements: &'a mut [std::mem::MaybeUninit<f32>], stride: usize) -> Self {
        Self { start: elements.as_mut_ptr().cast(), length: elements.len(), stride, elements: PhantomData }
    }

    /// The address of an element, where a rectangle of `rows × columns` begins.
    pub(crate) fn at(&self, row: usize, column: usize, rows: usize, columns: usize) -> *mut f32 {
        assert!(rows > 0 && column + columns <= self.stride);
        assert!((row + rows - 1) * self.stride + column + columns <= self.length);
        self.start.wrapping_add(row * self.stride + column)
    }

    /// Whole rows.
    ///
    /// # Safety
    ///
    /// As [`Shared::part`].
    #[expect(unsafe_code, reason = "see `Shared`")]
    #[expect(clippy::mut_from_ref, reason = "the caller vouches for disjoint parts")]
    pub(crate) unsafe fn rows(&self, rows: std::ops::Range<usize>) -> &mut [f32] {
        // SAFETY: `at` checks the bounds.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.at(rows.start, 0, rows.len(), self.stride),
                rows.len() * self.stride,
            )
        }
    }

    /// Writes part of a row.
    ///
    /// # Safety
    ///
    /// No other task may touch it meanwhile.
    #[expect(unsafe_code, reason = "see `Shared`")]
    pub(crate) unsafe fn write(&self, row: usize, column: usize, values: &[f32]) {
        // SAFETY: `at` checks the bounds.
        unsafe {
            self.at(row, column, 1, values.len()).copy_from_nonoverlapping(values.as_ptr(), values.len())
        }
    }

    /// Part of a row.
    ///
    /// # Safety
    ///
    /// It must have been written, and no other task may touch it meanwhile.
    #[expect(unsafe_code, reason = "see `Shared`")]
    #[expect(clippy::mut_from_ref, reason = "the caller vouches for disjoint parts")]
    pub(crate) unsafe fn part(&self, row: usize, column: usize, columns: usize) -> &mut [f32] {
        // SAFETY: `at` checks the bounds.
        unsafe { std::slice::from_raw_parts_mut(self.at(row, column, 1, columns), columns) }
    }
}

/// `x·Wᵀ + b` for some rows and panels: one task of a product.
pub(crate) struct Block<'a> {
    pub(crate) kernel: &'a Kernel,
    /// All rows of `x`, each of `inner` elements.
    pub(crate) x: &'a [f32],
    pub(crate) inner: usize,
    /// All panels of the weights.
    pub(crate) panels: &'a [f32],
    /// One bias per column.
    pub(crate) bias: &'a [f32],
    pub(crate) rows: std::ops::Range<usize>,
    pub(crate) columns: std::ops::Range<usize>,
}

impl Block<'_> {
    /// Writes the rows and columns of the block. The columns must begin at a panel.
    ///
    /// # Safety
    ///
    /// No other task may touch this part of `output` meanwhile.
    #[expect(unsafe_code, reason = "hands checked addresses to the kernel")]
    pub(crate) unsafe fn multiply(&self, output: &Shared<'_>) {
        let Self { kernel, x, inner, panels, bias, ref rows, ref columns } = *self;
        let (width, size) = (kernel.width, kernel.width * inner);
        assert!(columns.start.is_multiple_of(width) && columns.end <= bias.len());
        assert!(rows.end * inner <= x.len() && columns.end.next_multiple_of(width) * inner <= panels.len());
        // As few tiles as possible, and all of about the same height.
        let step = rows.len().div_ceil(rows.len().div_ceil(kernel.rows).max(1)).max(1);
        let mut edge = Vec::new();
        for column in columns.clone().step_by(width) {
            let count = width.min(columns.end - column);
            let right = panels[column / width * size..][..size].as_ptr();
            for row in rows.clone().step_by(step) {
                let height = step.min(rows.end - row);
                let left = x[row * inner..].as_ptr();
                let tile = |start, output, output_stride| Tile {
                    rows: height,
                    inner,
                    left,
                    left_stride: inner,
                    right,
                    right_stride: width,
                    start,
                    output,
                    output_stride,
                };
                let place = output.at(row, column, height, count);
                if count == width {
                    // SAFETY: the asserts above and `at` cover all that the tile reads and writes.
                    unsafe { kernel.run(tile(bias[column..][..width].as_ptr(), place, output.stride)) };
                    continue;
                }
                // The last panel is wider than the matrix: by way of a buffer.
                edge.clear();
                edge.resize((kernel.rows + 1) * width, 0.0f32);
                let (start, buffer) = edge.split_at_mut(width);
                start[..count].copy_from_slice(&bias[column..][..count]);
                // SAFETY: the buffer has room for a whole tile.
                unsafe { kernel.run(tile(start.as_ptr(), buffer.as_mut_ptr(), width)) };
                for (offset, values) in buffer.chunks_exact(width).take(height).enumerate() {
                    for (index, value) in values[..count].iter().enumerate() {
                        // SAFETY: `at` has checked this rectangle.
                        unsafe { place.add(offset * output.stride + index).write(*value) };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
