//! What ran, as MLX itself tells it.

use std::ffi::CStr;

use gatecheck_backend::{Facts, Kernel, Software, blas};
use mlx_rs::{DeviceType, Dtype};

/// What runs a model on that device, with weights that are quantized on disk or not, and unpacked at load or
/// not.
pub(crate) fn facts(device: DeviceType, quantized: bool, dequantize: bool, dtype: Dtype) -> Facts {
    let execution = match (quantized, dequantize) {
        (false, _) => format!("{dtype:?}").to_lowercase(),
        (true, true) => "dequantized".to_owned(),
        (true, false) => "quantized".to_owned(),
    };
    let own = format!("MLX, {}", device_name(device));
    let mut libraries = vec![Software::named("mlx-rs"), Software::named("mlx-sys")];
    let mut kernels = Vec::new();
    if quantized && !dequantize {
        kernels.push(Kernel::new("quantized products", own.as_str()));
    }
    // A CPU's library has 32-bit floats; Accelerate has 16-bit ones too (BNNS). MLX multiplies the rest itself.
    let has_type = dtype == Dtype::Float32 || cfg!(target_os = "macos");
    if matches!(device, DeviceType::Cpu) && has_type {
        let (library, kernel) = blas::library();
        libraries.push(library);
        kernels.push(Kernel::new("matrix products of floats", kernel));
    } else {
        kernels.push(Kernel::new("matrix products of floats", own));
    }
    let device = device_name(device).to_owned();
    let engine = Software { name: "MLX".to_owned(), version: version() };
    Facts { device, execution, engine, kernels, libraries }
}

fn device_name(device: DeviceType) -> &'static str {
    match device {
        DeviceType::Cpu => "cpu",
        DeviceType::Gpu if cfg!(target_os = "macos") => "metal",
        DeviceType::Gpu => "cuda",
    }
}

/// The version of the MLX that is linked.
fn version() -> Option<String> {
    #[expect(unsafe_code, reason = "MLX fills a string of its own, which is freed here")]
    unsafe {
        let mut text = mlx_sys::mlx_string_new();
        let status = mlx_sys::mlx_version(&raw mut text);
        // A string that was not filled has no data.
        let version = (status == 0)
            .then(|| CStr::from_ptr(mlx_sys::mlx_string_data(text)).to_string_lossy().into_owned());
        mlx_sys::mlx_string_free(text);
        version
    }
}
