//! The matrix library that MLX uses on the CPU.

/// Tells the matrix library how many threads it may use.
pub(crate) fn limit_threads(threads: usize) {
    #[cfg(target_os = "linux")]
    {
        #[expect(unsafe_code, reason = "the C interface of OpenBLAS, which MLX for Linux is linked with")]
        unsafe extern "C" {
            fn openblas_set_num_threads(threads: std::ffi::c_int);
        }
        #[expect(unsafe_code, reason = "sets a number in OpenBLAS")]
        unsafe {
            openblas_set_num_threads(i32::try_from(threads).unwrap_or(1));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = threads;
}
