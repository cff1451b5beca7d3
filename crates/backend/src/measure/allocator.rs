//! The C library's allocator, made the same in every arm.
//!
//! By itself, glibc maps large blocks anew for each use and returns them at once, until a threshold that moves
//! with what happens to be freed says otherwise (`M_MMAP_THRESHOLD` in mallopt(3)). Activations are such blocks:
//! one process pays for fresh pages in every layer, and its twin does not. In runs of one arm beside itself that
//! was a difference of up to a tenth. Frameworks with allocators of their own do not have it, nor does macOS.

/// From now on memory that is freed is kept for the next use, except for blocks of more than 32 MiB.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [(libc::M_MMAP_THRESHOLD, 32 << 20), (libc::M_TRIM_THRESHOLD, i32::MAX)] {
        #[expect(unsafe_code, reason = "sets numbers of the allocator; one that it refuses stays as it was")]
        unsafe {
            libc::mallopt(parameter, value);
        }
    }
}

/// Gives back what is free now, such as the buffers that the weights were read into.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "has no preconditions")]
    unsafe {
        libc::malloc_trim(0);
    }
}
