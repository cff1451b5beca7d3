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

/// Whether the second factor is stored transposed, `columns × inner`, as PyTorch stores weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Plain,
    Transposed,
}

/// `output = factor · left · right`, where `output` has `stride` elements per row.
pub(crate) fn multiply(
    size: Size,
    factor: f32,
    left: View<'_>,
    right: View<'_>,
    form: Right,
    output: &mut [f32],
    stride: usize,
) {
    let Size { rows, columns, inner } = size;
    if rows == 0 || columns == 0 {
        return;
    }
    let reach = |rows: usize, columns: usize, stride: usize| (rows - 1) * stride + columns;
    let (right_rows, right_columns) = if form == Right::Plain { (inner, columns) } else { (columns, inner) };
    assert!(inner > 0 && left.stride >= inner && right.stride >= right_columns && stride >= columns);
    assert!(left.data.len() >= reach(rows, inner, left.stride));
    assert!(right.data.len() >= reach(right_rows, right_columns, right.stride));
    assert!(output.len() >= reach(rows, columns, stride));
    library::multiply(size, factor, left, right, form, output, stride);
}

/// The matrix library, and the name of its kernels.
pub(crate) fn library() -> (Software, String) {
    library::facts()
}

#[cfg(any(target_os = "macos", all(target_os = "linux", feature = "openblas")))]
mod library {
    use std::ffi::{c_float, c_int};

    use super::{Right, Size, Software, View};

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
        #[cfg(target_os = "linux")]
        fn openblas_set_num_threads(threads: c_int);
        #[cfg(target_os = "linux")]
        fn openblas_get_config() -> *const std::ffi::c_char;
        #[cfg(target_os = "linux")]
        fn openblas_get_corename() -> *const std::ffi::c_char;
    }

    const ROW_MAJOR: c_int = 101;
    const NO_TRANS: c_int = 111;
    const TRANS: c_int = 112;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "matrix sizes are far below 2^31"
    )]
    pub(crate) fn multiply(
        size: Size,
        factor: f32,
        left: View<'_>,
        right: View<'_>,
        form: Right,
        output: &mut [f32],
        stride: usize,
    ) {
        let form = if form == Right::Plain { NO_TRANS } else { TRANS };
        #[expect(unsafe_code, reason = "the caller has checked that every access lies within the slices")]
        unsafe {
            cblas_sgemm(
                ROW_MAJOR,
                NO_TRANS,
                form,
                size.rows as c_int,
                size.columns as c_int,
                size.inner as c_int,
                factor,
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

    #[cfg(target_os = "linux")]
    pub(crate) fn one_thread() {
        #[expect(unsafe_code, reason = "sets a number in OpenBLAS")]
        unsafe {
            openblas_set_num_threads(1);
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn facts() -> (Software, String) {
        #[expect(unsafe_code, reason = "OpenBLAS returns static C strings")]
        let [config, core] = unsafe { [openblas_get_config(), openblas_get_corename()] }
            .map(|text| unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy());
        // `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …`
        let version = config.split_whitespace().nth(1).unwrap_or_default();
        (Software::telling("OpenBLAS", version), format!("OpenBLAS, {core}"))
    }

    #[cfg(target_os = "macos")]
    pub(crate) fn one_thread() {}

    #[cfg(target_os = "macos")]
    pub(crate) fn facts() -> (Software, String) {
        (Software::named("Accelerate"), "Accelerate".to_owned())
    }
}

#[cfg(not(any(target_os = "macos", all(target_os = "linux", feature = "openblas"))))]
mod library {
    use super::{Right, Size, Software, View};

    #[expect(clippy::cast_possible_wrap, reason = "strides are far below 2^63")]
    pub(crate) fn multiply(
        size: Size,
        factor: f32,
        left: View<'_>,
        right: View<'_>,
        form: Right,
        output: &mut [f32],
        stride: usize,
    ) {
        let stride_of = |stride: usize| stride as isize;
        let (column, row) =
            if form == Right::Plain { (1, stride_of(right.stride)) } else { (stride_of(right.stride), 1) };
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
                column,
                row,
                0.0,
                factor,
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
        let right: Vec<f32> = (0..70).map(|i| 1.0 - i as f32 * 0.25).collect();
        for form in [Right::Plain, Right::Transposed] {
            let stride = if form == Right::Plain { 8 } else { 4 };
            let mut output = vec![9.0; rows * 10];
            let size = Size { rows, columns, inner };
            let (a, b) = (View { data: &left, stride: 4 }, View { data: &right, stride });
            multiply(size, 2.0, a, b, form, &mut output, 10);
            for r in 0..rows {
                for c in 0..10 {
                    let at =
                        |k: usize| if form == Right::Plain { right[k * 8 + c] } else { right[c * 4 + k] };
                    let expected = if c < columns {
                        2.0 * (0..inner).map(|k| left[r * 4 + k] * at(k)).sum::<f32>()
                    } else {
                        9.0
                    };
                    assert!((output[r * 10 + c] - expected).abs() < 1e-4, "{form:?} at {r}, {c}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "assertion failed")]
    fn refuses_slices_that_are_too_short() {
        let size = Size { rows: 2, columns: 2, inner: 2 };
        let view = View { data: &[1.0; 3], stride: 2 };
        multiply(size, 1.0, view, view, Right::Plain, &mut [0.0; 4], 2);
    }
}
