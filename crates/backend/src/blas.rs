//! The matrix library of a CPU, which both arms multiply floats with: OpenBLAS on Linux, where MLX is linked with it,
//! Accelerate on macOS.

use crate::Software;

#[cfg(target_os = "linux")]
#[link(name = "openblas")]
#[expect(unsafe_code, reason = "the C interface of OpenBLAS")]
unsafe extern "C" {
    fn openblas_set_num_threads(threads: std::ffi::c_int);
    fn openblas_get_config() -> *const std::ffi::c_char;
    fn openblas_get_corename() -> *const std::ffi::c_char;
}

/// Tells OpenBLAS how many threads it may use. Accelerate decides for itself.
pub fn limit_threads(threads: usize) {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "sets a number in OpenBLAS")]
    unsafe {
        openblas_set_num_threads(i32::try_from(threads).unwrap_or(1));
    }
    #[cfg(target_os = "macos")]
    let _ = threads;
}

/// The library with the version it tells, and its kernels' name.
#[cfg(target_os = "linux")]
pub fn library() -> (Software, String) {
    #[expect(unsafe_code, reason = "OpenBLAS returns static C strings")]
    let [config, core] = unsafe { [openblas_get_config(), openblas_get_corename()] }
        .map(|text| unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy());
    // `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …`
    let version = config.split_whitespace().nth(1).unwrap_or_default();
    (Software::telling("OpenBLAS", version), format!("OpenBLAS, {core}"))
}

/// The library, which is a part of the system.
#[cfg(target_os = "macos")]
pub fn library() -> (Software, String) {
    (Software::named("Accelerate"), "Accelerate".to_owned())
}
