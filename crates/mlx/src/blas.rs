//! The matrix library that MLX multiplies floats with on a CPU: OpenBLAS on Linux, Accelerate on macOS.

use gatecheck_backend::Software;

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the C interface of OpenBLAS, which MLX for Linux is linked with")]
unsafe extern "C" {
    fn openblas_set_num_threads(threads: std::ffi::c_int);
    fn openblas_get_config() -> *const std::ffi::c_char;
    fn openblas_get_corename() -> *const std::ffi::c_char;
}

/// Tells the library how many threads it may use.
pub(crate) fn limit_threads(threads: usize) {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "sets a number in OpenBLAS")]
    unsafe {
        openblas_set_num_threads(i32::try_from(threads).unwrap_or(1));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = threads;
}

/// The library with the version it tells, and its kernels' name.
#[cfg(target_os = "linux")]
pub(crate) fn library() -> (Software, String) {
    #[expect(unsafe_code, reason = "OpenBLAS returns static C strings")]
    let [config, core] = unsafe { [openblas_get_config(), openblas_get_corename()] }
        .map(|text| unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy());
    // `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …`
    let version = config.split_whitespace().nth(1).unwrap_or_default();
    (Software::telling("OpenBLAS", version), format!("OpenBLAS, {core}"))
}

/// The library, which is a part of the system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn library() -> (Software, String) {
    (Software::named("Accelerate"), "Accelerate".to_owned())
}
