//! Writes the Rust bindings of mlx-c as the build script of `mlx-sys` would.
//!
//! Usage: `mlx-bindings <mlx-c folder> <output file>`, compiled with `MLX_SYS_DIR`
//! set to the unpacked `mlx-sys` crate.

use std::{env, error::Error, fs, path::PathBuf};

/// The settings of `mlx-sys`, read from its own source so that the two cannot differ.
#[expect(dead_code, reason = "one helper serves only the build script of mlx-sys")]
mod bindgen_config {
    include!(concat!(env!("MLX_SYS_DIR"), "/src/bindgen_config.rs"));
}

/// The 16-bit float types, as bindgen writes them where C has them (aarch64).
const HALF_TYPES: &str = r#"
#[repr(transparent)]
#[derive(Debug, Default, Copy, Clone)]
pub struct __BindgenFloat16(pub u16);
pub type float16_t = __BindgenFloat16;
pub type bfloat16_t = u16;
"#;

/// The accessors that mlx-c leaves out where C lacks those types (x86-64); the
/// library defines them in `compat/compat.cpp`.
const HALF_ACCESSORS: &str = r#"
extern "C" {
    pub fn mlx_array_item_float16(res: *mut float16_t, arr: mlx_array) -> ::std::os::raw::c_int;
    pub fn mlx_array_item_bfloat16(res: *mut bfloat16_t, arr: mlx_array) -> ::std::os::raw::c_int;
    pub fn mlx_array_data_float16(arr: mlx_array) -> *const float16_t;
    pub fn mlx_array_data_bfloat16(arr: mlx_array) -> *const bfloat16_t;
}
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [mlx_c, output] = arguments.as_slice() else {
        return Err("usage: mlx-bindings <mlx-c folder> <output file>".into());
    };
    let headers = bindgen_config::discover_headers(mlx_c)?;
    // Without the system's headers, the result is the same on every Linux.
    let mut builder = bindgen_config::builder(mlx_c, &headers).allowlist_file(r".*/mlx/c/[^/]*\.h");
    if cfg!(target_arch = "aarch64") {
        // Before version 15, clang knows bfloat16 only on CPUs that calculate with it.
        builder = builder.clang_arg("-march=armv8.2-a+bf16");
    }
    let mut bindings = builder.generate()?.to_string();
    if !bindings.contains("fn mlx_array_item_float16") {
        bindings.push_str(HALF_TYPES);
        bindings.push_str(HALF_ACCESSORS);
    }
    fs::write(output, bindings)?;
    Ok(())
}
