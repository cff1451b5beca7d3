//! The quantizer against MLX itself: every bit of words, scales, biases and decoded values.

use gatecheck_model::quant::{Float, Mode, Scheme, dequantize, quantize};
use half::{bf16, f16};
use mlx_rs::{
    Array, ArrayElement, Device, Dtype,
    ops::{dequantize as mlx_dequantize, quantize as mlx_quantize},
};

const GROUPS: usize = 256;

trait Element: ArrayElement + Copy {
    const FLOAT: Float;
    fn round(value: f32) -> Self;
    fn bytes(self) -> Vec<u8>;
    fn array(values: &[Self], shape: &[i32]) -> Array;
}

macro_rules! element {
    ($type:ty, $float:ident, $round:expr) => {
        impl Element for $type {
            const FLOAT: Float = Float::$float;
            fn round(value: f32) -> Self {
                $round(value)
            }
            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
            fn array(values: &[Self], shape: &[i32]) -> Array {
                Array::from_slice(values, shape)
            }
        }
    };
}

element!(f32, Float32, std::convert::identity);
element!(f16, Float16, f16::from_f32);
element!(bf16, Bfloat16, bf16::from_f32);

/// Groups of all kinds and of magnitudes from 10⁻⁹ to 10³; every fourth holds ties.
fn values(group_size: usize) -> Vec<f32> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut values = Vec::new();
    for group in 0..GROUPS {
        let magnitude = 10.0f32.powi((group % 13) as i32 - 9);
        for at in 0..group_size {
            let random = noise();
            let place = at as f32 / (group_size - 1) as f32;
            values.push(match group {
                0 => 0.0,
                1 => -0.0,
                2 => 3.5,
                3 => -3.5,
                4 => 4e-8,
                5 => -1e-7,
                6 => 2.0 * place - 1.0,
                7 => place,
                8 => -place,
                9 => 10.0 + place,
                10 => 65_504.0 * random.signum(),
                11 if at % 2 == 0 => 0.0,
                _ if group % 8 == 1 => random.abs() * magnitude,
                _ if group % 8 == 2 => -random.abs() * magnitude,
                _ if group % 4 == 3 => (random * 128.0).round() / 128.0,
                _ => random * magnitude,
            });
        }
    }
    values
}

fn check<T: Element>(bits: u32, group_size: u32) {
    let columns = 2 * group_size as i32;
    let elements: Vec<T> = values(group_size as usize).into_iter().map(T::round).collect();
    let array = T::array(&elements, &[GROUPS as i32 / 2, columns]);
    let (size, width) = (group_size as i32, bits as i32);
    let (words, scales, biases) = mlx_quantize(&array, size, width).unwrap();
    let decoded = mlx_dequantize(&words, &scales, &biases, size, width).unwrap();
    let decoded = decoded.as_dtype(Dtype::Float32).unwrap();

    let bytes: Vec<u8> = elements.into_iter().flat_map(T::bytes).collect();
    let scheme = Scheme::affine(bits, group_size).unwrap();
    let ours = quantize(scheme, &bytes, T::FLOAT).unwrap();
    let label = format!("{bits} bits, groups of {group_size}, {}", T::FLOAT.name());
    let theirs: Vec<u8> = words.as_slice::<u32>().iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(ours.weight == theirs, "words, {label}");
    let bytes = |array: &Array| array.as_slice::<T>().iter().flat_map(|one| one.bytes()).collect::<Vec<u8>>();
    assert!(ours.scales == bytes(&scales), "scales, {label}");
    assert!(ours.biases == bytes(&biases), "biases, {label}");
    let back = dequantize(scheme, &ours.weight, &ours.scales, &ours.biases, T::FLOAT).unwrap();
    let same =
        back.iter().zip(decoded.as_slice::<f32>()).all(|(ours, theirs)| ours.to_bits() == theirs.to_bits());
    assert!(same && back.len() == decoded.size(), "decoded values, {label}");
}

/// MLX's quantization in a mode that mlx-rs has no name for, and what it decodes to in 32 bits.
fn mlx_mode(array: &Array, mode: Mode) -> (Array, Array, Array) {
    let (bits, size) = mode.fixed().unwrap();
    let some = |value: u32| mlx_sys::mlx_optional_int { value: value as i32, has_value: true };
    let (size, bits) = (some(size), some(bits));
    let name = std::ffi::CString::new(mode.name()).unwrap();
    let stream = mlx_rs::Stream::thread_local_or_default();
    #[expect(unsafe_code, reason = "MLX fills what is handed to it, and everything outlives the calls")]
    unsafe {
        let none = mlx_sys::mlx_array_new();
        let mut both = mlx_sys::mlx_vector_array_new();
        let status = mlx_sys::mlx_quantize(
            &raw mut both,
            array.as_ptr(),
            size,
            bits,
            name.as_ptr(),
            none,
            stream.as_ptr(),
        );
        assert_eq!((status, mlx_sys::mlx_vector_array_size(both)), (0, 2));
        let [words, scales] = [0, 1].map(|at| {
            let mut part = mlx_sys::mlx_array_new();
            assert_eq!(mlx_sys::mlx_vector_array_get(&raw mut part, both, at), 0);
            Array::from_ptr(part)
        });
        let float = mlx_sys::mlx_optional_dtype { value: mlx_sys::mlx_dtype__MLX_FLOAT32, has_value: true };
        let mut back = mlx_sys::mlx_array_new();
        let (codes, bytes) = (words.as_ptr(), scales.as_ptr());
        let status = mlx_sys::mlx_dequantize(
            &raw mut back,
            codes,
            bytes,
            none,
            size,
            bits,
            name.as_ptr(),
            none,
            float,
            stream.as_ptr(),
        );
        assert_eq!(status, 0);
        (words, scales, Array::from_ptr(back))
    }
}

fn check_mode<T: Element>(mode: Mode) {
    let (bits, size) = mode.fixed().unwrap();
    let scheme = Scheme::new(mode, bits, size).unwrap();
    let columns = 2 * size as i32;
    // Half of them small, where the scales of 8 bits end.
    for factor in [1.0, 1e-3] {
        let all = values(size as usize).into_iter().map(|value| value * factor);
        let elements: Vec<T> = all.map(T::round).collect();
        let array = T::array(&elements, &[GROUPS as i32 / 2, columns]);
        let (words, scales, decoded) = mlx_mode(&array, mode);
        for array in [&words, &scales, &decoded] {
            array.eval().unwrap();
        }
        let bytes: Vec<u8> = elements.into_iter().flat_map(T::bytes).collect();
        let ours = quantize(scheme, &bytes, T::FLOAT).unwrap();
        let label = format!("{}, {}, times {factor}", mode.name(), T::FLOAT.name());
        assert!(ours.scales == scales.as_slice::<u8>(), "scales, {label}");
        let theirs: Vec<u8> = words.as_slice::<u32>().iter().flat_map(|word| word.to_le_bytes()).collect();
        let differ = ours.weight.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs).count();
        assert_eq!(differ, 0, "words, {label}");
        let back = dequantize(scheme, &ours.weight, &ours.scales, &[], T::FLOAT).unwrap();
        // Zero times a sign is zero.
        assert_eq!(back, decoded.as_slice::<f32>(), "decoded values, {label}");
    }
}

#[test]
fn small_floats_are_bit_exact() {
    let _turn = crate::arms::Turn::take();
    Device::set_default(&Device::cpu());
    for mode in [Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4] {
        check_mode::<f32>(mode);
        check_mode::<f16>(mode);
        check_mode::<bf16>(mode);
    }
}

#[test]
fn quantizer_is_bit_exact() {
    let _turn = crate::arms::Turn::take();
    Device::set_default(&Device::cpu());
    for bits in [2, 3, 4, 5, 6, 8] {
        for group_size in [32, 64, 128] {
            check::<f32>(bits, group_size);
            check::<f16>(bits, group_size);
            check::<bf16>(bits, group_size);
        }
    }
}
