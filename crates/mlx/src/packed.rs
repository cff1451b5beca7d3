//! Quantized matrices as MLX holds them, in any of its modes. mlx-rs knows affine mode only, so its C calls are made here.

use std::ffi::CStr;

use gatecheck_model::quant::{Mode, Scheme};
use mlx_rs::{Array, Dtype, Stream, error::Exception, ops};

/// A quantized matrix `[outputs, inputs]`.
pub(crate) struct Packed {
    /// Codes `[outputs, inputs · bits / 32]`.
    pub(crate) words: Array,
    /// `[outputs, inputs / group size]`: floats, or bytes where the mode is not affine.
    pub(crate) scales: Array,
    /// As the scales, in affine mode.
    pub(crate) biases: Option<Array>,
    pub(crate) scheme: Scheme,
}

/// An MLX call that makes one array of others.
type Call<'a> = &'a mut dyn FnMut(*mut mlx_sys::mlx_array, mlx_sys::mlx_array, mlx_sys::mlx_stream) -> i32;

impl Packed {
    /// Matrices of the same inputs and scheme, one below the other.
    pub(crate) fn stack(parts: &[Self]) -> Result<Self, Exception> {
        let stacked = |pick: fn(&Self) -> Option<&Array>| -> Result<Option<Array>, Exception> {
            let arrays: Option<Vec<_>> = parts.iter().map(pick).collect();
            arrays.map(|arrays| ops::concatenate(&arrays, 0)).transpose()
        };
        let whole = |array: Option<Array>| array.ok_or_else(|| Exception::custom("nothing to stack"));
        Ok(Self {
            words: whole(stacked(|part| Some(&part.words))?)?,
            scales: whole(stacked(|part| Some(&part.scales))?)?,
            biases: stacked(|part| part.biases.as_ref())?,
            scheme: parts[0].scheme,
        })
    }

    /// All its arrays.
    pub(crate) fn arrays(&self) -> impl Iterator<Item = &Array> {
        [&self.words, &self.scales].into_iter().chain(&self.biases)
    }

    /// Plain floats of type `dtype`.
    pub(crate) fn dequantize(&self, dtype: Dtype) -> Result<Array, Exception> {
        let Self { words, scales, biases, scheme } = self;
        if scheme.mode() == Mode::Affine {
            let (size, bits) = self.sizes();
            return ops::dequantize(words, scales, biases.as_ref(), size, bits);
        }
        // Bytes and codes of a few bits are exact in 32 bits.
        let (size, bits) = self.optional_sizes();
        let float = mlx_sys::mlx_optional_dtype { value: mlx_sys::mlx_dtype__MLX_FLOAT32, has_value: true };
        let exact = call(&mut |result, none, stream| {
            #[expect(unsafe_code, reason = "MLX reads arrays that outlive the call")]
            unsafe {
                let (words, scales) = (words.as_ptr(), scales.as_ptr());
                let mode = self.mode().as_ptr();
                mlx_sys::mlx_dequantize(result, words, scales, none, size, bits, mode, none, float, stream)
            }
        })?;
        exact.as_dtype(dtype)
    }

    /// `x·Wᵀ`.
    pub(crate) fn product(&self, x: &Array) -> Result<Array, Exception> {
        let Self { words, scales, biases, scheme } = self;
        if scheme.mode() == Mode::Affine {
            let (size, bits) = self.sizes();
            return ops::quantized_matmul(x, words, scales, biases.as_ref(), true, size, bits);
        }
        let (size, bits) = self.optional_sizes();
        call(&mut |result, none, stream| {
            #[expect(unsafe_code, reason = "MLX reads arrays that outlive the call")]
            unsafe {
                let (x, words, scales) = (x.as_ptr(), words.as_ptr(), scales.as_ptr());
                let mode = self.mode().as_ptr();
                mlx_sys::mlx_quantized_matmul(result, x, words, scales, none, true, size, bits, mode, stream)
            }
        })
    }

    fn sizes(&self) -> (i32, i32) {
        (self.scheme.group_size() as i32, self.scheme.bits() as i32)
    }

    fn optional_sizes(&self) -> (mlx_sys::mlx_optional_int, mlx_sys::mlx_optional_int) {
        let some = |value| mlx_sys::mlx_optional_int { value, has_value: true };
        let (size, bits) = self.sizes();
        (some(size), some(bits))
    }

    fn mode(&self) -> &'static CStr {
        match self.scheme.mode() {
            Mode::Affine => c"affine",
            Mode::Mxfp4 => c"mxfp4",
            Mode::Mxfp8 => c"mxfp8",
            Mode::Nvfp4 => c"nvfp4",
        }
    }
}

/// Calls MLX as mlx-rs does: on the stream of this thread, its errors as exceptions. The call is handed an array that
/// stands for none.
fn call(run: Call<'_>) -> Result<Array, Exception> {
    // Whoever calls has made arrays by mlx-rs, which installs the handler that keeps MLX from ending the process.
    let stream = Stream::thread_local_or_default();
    #[expect(
        unsafe_code,
        reason = "an array that MLX fills, and one that it takes for none, both freed by mlx-rs"
    )]
    let (mut result, none) = unsafe { (mlx_sys::mlx_array_new(), Array::from_ptr(mlx_sys::mlx_array_new())) };
    let status = run(&raw mut result, none.as_ptr(), stream.as_ptr());
    #[expect(unsafe_code, reason = "it is this function's own, and of no further use")]
    let result = unsafe { Array::from_ptr(result) };
    if status == 0 { Ok(result) } else { Err(Exception::custom("MLX cannot compute with this matrix")) }
}
