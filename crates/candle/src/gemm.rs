//! Matrix products of one thread, through the machine's own library.
//!
//! OpenBLAS where MLX for Linux was built (both arms then use the same), Accelerate on macOS, the
//! `gemm` crate otherwise. Threads are ours: every thread works on its own rows, so the library is
//! told to use one.

use gatecheck_backend::Software;

/// A row-major matrix inside a slice: element `(r, c)` is at `r·stride + c`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

/// Sizes of a product: `rows × inner` times `inner × columns`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) inner: usize,
}

/// `output = left · rightᵀ`, where `output` has `stride` elements per row: `right` is `columns × inner`, as PyTorch
/// stores weights.
pub(crate) fn multiply(size: Size, left: View<'_>, right: View<'_>, output: &mut [f32], stride: usize) {
    let Size { rows, columns, inner } = size;
    if rows == 0 || columns == 0 {
        return;
    }
    let reach = |rows: usize, columns: usize, stride: usize| (rows - 1) * stride + columns;
    assert!(inner > 0 && left.stride >= inner && right.stride >= inner && stride >= columns);
    assert!(left.data.len() >= reach(rows, inner, left.stride));
    assert!(right.data.len() >= reach(columns, inner, right.stride));
    assert!(output.len() >= reach(rows, columns, stride));
    library::multiply(size, left, right, output, stride);
}

/// The matrix library, and the name of its kernels.
pub(crate) fn library() -> (Software, String) {
    library::facts()
}

#[cfg(any(target_os = "macos", all(target_os = "linux", feature = "openblas")))]
mod library {
    use std::ffi::{c_float, c_int};

    use gatecheck_backend::blas;

    use super::{Size, Software, View};

    #[cfg_attr(target_os = "macos", link(name = "Accelerate", kind = "framework"))]
    #[cfg_attr(target_os = "linux", link(name = "openblas"))]
    #[expect(unsafe_code, reason = "the C interface of BLAS; on Linux MLX's build links OpenBLAS")]
    unsafe extern "C" {
        fn cblas_sgemm(
            order: c_int,
            trans_a: c_int,
            trans_b: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: c_float,
            a: *const c_float,
            lda: c_int,
            b: *const c_float,
            ldb: c_int,
            beta: c_float,
            c: *mut c_float,
            ldc: c_int,
        );
    }

    const ROW_MAJOR: c_int = 101;
    const NO_TRANS: c_int = 111;
    const TRANS: c_int = 112;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "matrix sizes are far below 2^31"
    )]
    pub(crate) fn multiply(size: Size, left: View<'_>, right: View<'_>, output: &mut [f32], stride: usize) {
        #[expect(unsafe_code, reason = "the caller has checked that every access lies within the slices")]
        unsafe {
            cblas_sgemm(
                ROW_MAJOR,
                NO_TRANS,
                TRANS,
                size.rows as c_int,
                size.columns as c_int,
                size.inner as c_int,
                1.0,
                left.data.as_ptr(),
                left.stride as c_int,
                right.data.as_ptr(),
                right.stride as c_int,
                0.0,
                output.as_mut_ptr(),
                stride as c_int,
            );
        }
    }

    pub(crate) fn one_thread() {
        blas::limit_threads(1);
    }

    pub(crate) fn facts() -> (Software, String) {
        blas::library()
    }
}

#[cfg(not(any(target_os = "macos", all(target_os = "linux", feature = "openblas"))))]
mod library {
    use super::{Size, Software, View};

    #[expect(clippy::cast_possible_wrap, reason = "strides are far below 2^63")]
    pub(crate) fn multiply(size: Size, left: View<'_>, right: View<'_>, output: &mut [f32], stride: usize) {
        let stride_of = |stride: usize| stride as isize;
        #[expect(unsafe_code, reason = "the caller has checked that every access lies within the slices")]
        unsafe {
            gemm::gemm(
                size.rows,
                size.columns,
                size.inner,
                output.as_mut_ptr(),
                1,
                stride_of(stride),
                false,
                left.data.as_ptr(),
                1,
                stride_of(left.stride),
                right.data.as_ptr(),
                stride_of(right.stride),
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }

    pub(crate) fn one_thread() {}

    pub(crate) fn facts() -> (Software, String) {
        (Software::named("gemm"), "the gemm crate".to_owned())
    }
}

/// Tells the library that threads are not its business. Once per process, before the first product.
pub(crate) fn one_thread() {
    library::one_thread();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_definition() {
        let (rows, columns, inner) = (5, 7, 3);
        let left: Vec<f32> = (0..rows * 4).map(|i| i as f32 * 0.5 - 3.0).collect();
        let right: Vec<f32> = (0..columns * 4).map(|i| 1.0 - i as f32 * 0.25).collect();
        let mut output = vec![9.0; rows * 10];
        let size = Size { rows, columns, inner };
        let (a, b) = (View { data: &left, stride: 4 }, View { data: &right, stride: 4 });
        multiply(size, a, b, &mut output, 10);
        for r in 0..rows {
            for c in 0..10 {
                let expected = if c < columns {
                    (0..inner).map(|k| left[r * 4 + k] * right[c * 4 + k]).sum::<f32>()
                } else {
                    9.0
                };
                assert!((output[r * 10 + c] - expected).abs() < 1e-4, "at {r}, {c}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "assertion failed")]
    fn refuses_slices_that_are_too_short() {
        let size = Size { rows: 2, columns: 2, inner: 2 };
        let view = View { data: &[1.0; 3], stride: 2 };
        multiply(size, view, view, &mut [0.0; 4], 2);
    }
}
