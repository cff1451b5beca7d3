use super::*;

const FLOATS: [Float; 3] = [Float::Float32, Float::Float16, Float::Bfloat16];

fn bytes_of(values: &[f32], float: Float) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    cast(&bytes, Float::Float32, float)
}

fn values_of(bytes: &[u8], float: Float) -> Vec<f32> {
    let wide = cast(bytes, float, Float::Float32);
    wide.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Evenly spread over [-1, 1), always the same.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn there_and_back(scheme: Scheme, values: &[f32], float: Float) -> (Vec<f32>, Vec<f32>) {
    let bytes = bytes_of(values, float);
    let packed = quantize(scheme, &bytes, float).unwrap();
    let back = dequantize(scheme, &packed.weight, &packed.scales, &packed.biases, float).unwrap();
    (values_of(&bytes, float), back)
}

#[test]
fn parameters_are_those_of_mlx() {
    for bits in [2, 3, 4, 5, 6, 8] {
        for group_size in [32, 64, 128] {
            let scheme = Scheme::affine(bits, group_size).unwrap();
            assert_eq!(scheme.words(256), 8 * bits as usize);
        }
    }
    assert_eq!(Scheme::affine(7, 64), Err(QuantError::Bits { bits: 7 }));
    assert_eq!(Scheme::affine(4, 16), Err(QuantError::GroupSize { group_size: 16 }));
    assert!(Scheme::affine(1, 64).unwrap_err().hint().unwrap().contains("2, 3, 4, 5, 6 or 8"));
    assert!(serde_json::from_str::<Scheme>(r#"{"group_size":48,"bits":4}"#).is_err());
}

#[test]
fn known_group() {
    // By hand: range 0 … 15 in 4 bits is 15 steps of −1 down from the edge 15.
    let values: Vec<f32> = (0..32).map(|at| (at % 16) as f32).collect();
    let packed =
        quantize(Scheme::affine(4, 32).unwrap(), &bytes_of(&values, Float::Float32), Float::Float32).unwrap();
    assert_eq!(values_of(&packed.scales, Float::Float32), [-1.0]);
    assert_eq!(values_of(&packed.biases, Float::Float32), [15.0]);
    let words: Vec<u32> = packed.weight.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    assert_eq!(words, [0x89ab_cdef, 0x0123_4567, 0x89ab_cdef, 0x0123_4567]);
}

#[test]
fn error_is_at_most_one_step() {
    // Half a step inside the range. At the far end it can be a whole one, as the scale was stretched.
    for bits in [2, 3, 4, 5, 6, 8] {
        for float in FLOATS {
            let scheme = Scheme::affine(bits, 64).unwrap();
            let (values, back) = there_and_back(scheme, &noise(64 * 300), float);
            let step = 2.0 / (2.0f32.powi(bits as i32) - 1.0);
            let rounding = if float == Float::Bfloat16 { 0.02 } else { 0.002 };
            for (value, back) in values.iter().zip(&back) {
                assert!((value - back).abs() <= step * 1.01 + rounding, "{bits} {float:?} {value} {back}");
            }
        }
    }
}

#[test]
fn the_bound_holds_what_rounding_makes_and_little_more() {
    let affine = [2, 3, 4, 5, 6, 8].map(|bits| Scheme::affine(bits, 64).unwrap());
    let others = [Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4].map(|mode| {
        let (bits, size) = mode.fixed().unwrap();
        Scheme::new(mode, bits, size).unwrap()
    });
    for scheme in affine.into_iter().chain(others) {
        for float in FLOATS {
            // Down to where scales of 8 bits vanish.
            for magnitude in [100.0, 1.0, 0.04, 0.01, 0.004, 1e-4] {
                let values: Vec<f32> = noise(128 * 100).iter().map(|value| value * magnitude).collect();
                let bytes = bytes_of(&values, float);
                let (values, size) = (values_of(&bytes, float), scheme.group_size() as usize);
                let Packed { weight, scales, biases } = quantize(scheme, &bytes, float).unwrap();
                let decoded = dequantize(scheme, &weight, &scales, &biases, float).unwrap();
                let (mut loose, mut groups) = (0, 0);
                for (group, (exact, decoded)) in values.chunks(size).zip(decoded.chunks(size)).enumerate() {
                    let bound = Bound::of_group(scheme, float, &scales, &biases, group);
                    let label = format!("{scheme}, {}, {magnitude}", float.name());
                    assert!(
                        exact.iter().zip(decoded).all(|(one, other)| bound.holds(*one, *other)),
                        "{label}"
                    );
                    assert!(
                        exact.iter().zip(decoded).all(|(one, other)| bound.is_nearest(*one, *other)),
                        "{label}"
                    );
                    // A third of the range away is another weight.
                    loose += usize::from(bound.holds(exact[0], exact[0] + 0.7 * magnitude));
                    groups += 1;
                }
                // But with 2 bits, and where the steps between scales of 8 bits are as large as the weights.
                let is_coarse = scheme.bits() == 2 || scheme.mode() == Mode::Nvfp4 && magnitude < 0.04;
                assert!(loose < groups / 20 || is_coarse, "{scheme} {magnitude}: {loose} of {groups}");
            }
        }
    }
}

#[test]
fn zero_constant_and_one_sided_groups() {
    for bits in [2, 3, 4, 6, 8] {
        for float in FLOATS {
            let scheme = Scheme::affine(bits, 32).unwrap();
            let (values, back) = there_and_back(scheme, &[0.0; 64], float);
            assert_eq!(values, back);
            let (values, back) = there_and_back(scheme, &[-0.75; 64], float);
            assert_eq!(values, back, "the edge is exact");
            let (values, back) =
                there_and_back(scheme, &(0..64).map(|at| 3.0 + at as f32 / 64.0).collect::<Vec<_>>(), float);
            let worst =
                values.iter().zip(&back).map(|(value, back)| (value - back).abs()).fold(0.0, f32::max);
            assert!(worst < 0.5, "{bits} {float:?} {worst}");
        }
    }
}

#[test]
fn lengths_are_checked() {
    let scheme = Scheme::affine(4, 64).unwrap();
    let error = quantize(scheme, &[0; 100], Float::Float16).unwrap_err();
    assert_eq!(error.to_string(), "the matrix is 100 bytes long instead of 0");
    assert!(dequantize(scheme, &[0; 32], &[0; 2], &[0; 4], Float::Float16).is_err());
    assert_eq!(dequantize(scheme, &[], &[], &[], Float::Float16), Ok(Vec::new()));
}

#[test]
fn the_largest_and_the_first_bad_element_are_found() {
    for float in FLOATS {
        let mut values = noise(40_000);
        values[7] = -40.0;
        assert_eq!(largest(&values), 40.0);
        assert_eq!(first_not_finite(&bytes_of(&values, float), float), None);
        values[39_999] = f32::NAN;
        values[20_001] = f32::NEG_INFINITY;
        assert!(!largest(&values).is_finite() && largest(&values[20_000..20_009]).is_infinite());
        let found = first_not_finite(&bytes_of(&values, float), float);
        assert_eq!(found, Some((20_001, f32::NEG_INFINITY)));
    }
    assert!(Float::Float16.holds(65_519.0) && !Float::Float16.holds(65_520.0));
    assert!(Float::Bfloat16.holds(1e38) && !Float::Bfloat16.holds(f32::MAX));
}

#[test]
fn casts_round_to_nearest() {
    let values = [1.0, 1.0 + 2.0f32.powi(-11), 1.0 + 3.0 * 2.0f32.powi(-11), -65_504.0, 1e-7];
    let halves = values_of(&bytes_of(&values, Float::Float16), Float::Float16);
    assert_eq!(halves, [1.0, 1.0, 1.0 + 2.0f32.powi(-9), -65_504.0, 2.0f32.powi(-23)]);
    let wide = bytes_of(&noise(1000), Float::Float16);
    assert_eq!(cast(&cast(&wide, Float::Float16, Float::Float32), Float::Float32, Float::Float16), wide);
}

/// Everything that is compiled for several instruction sets, of these values, as bits. All NaN are alike.
#[cfg(target_arch = "x86_64")]
fn everything(values: &[f32]) -> Vec<u32> {
    let bits = |value: &f32| if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
    let mut found = vec![bits(&largest(values))];
    let affine = [2, 3, 4, 5, 6, 8].map(|bits| Scheme::affine(bits, 32).unwrap());
    let others = [Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4].map(|mode| {
        let (bits, size) = mode.fixed().unwrap();
        Scheme::new(mode, bits, size).unwrap()
    });
    for float in FLOATS {
        let mut bytes = vec![0; values.len() * float.bytes()];
        float.write(values, &mut bytes);
        let (mut read, mut rounded) = (vec![0.0; values.len()], values.to_vec());
        float.read(&bytes, &mut read);
        float.round(&mut rounded);
        assert!(read.iter().zip(&rounded).all(|(one, other)| bits(one) == bits(other)), "{float:?}");
        found.extend(read.iter().map(bits));
        for scheme in affine.into_iter().chain(others) {
            let whole = values.len() / 32 * 32;
            let Packed { weight, scales, biases } =
                quantize(scheme, &bytes[..whole * float.bytes()], float).unwrap();
            let mut decoded = vec![0.0; whole];
            dequantize_groups(scheme, [&weight, &scales, &biases], float, Float::Float32, &mut decoded);
            let beyond = first_beyond(scheme, float, [&scales, &biases], &read[..whole], &decoded);
            found.push(beyond.map_or(u32::MAX, |group| group as u32));
            found.extend([weight, scales, biases].concat().into_iter().map(u32::from));
            found.extend(decoded.iter().map(bits));
        }
    }
    found
}

#[test]
#[cfg(target_arch = "x86_64")]
fn every_instruction_set_gives_the_same_bits() {
    use gatecheck_base::simd::{Level, at_most, level};
    let ties = (0..96).map(|at| (at as f32 - 48.0) * 0.5);
    let near_one = (0..96).map(|at| 1.0 + at as f32 * 2.0f32.powi(-12));
    let small = (0..96).map(|at| (at as f32 - 40.0) * 2.0f32.powi(-25));
    let tiny = (0..96).map(|at| f32::from_bits(at * 0x3_1234));
    let signs = (0..64).map(|at| if at % 3 == 0 { -0.0 } else { 0.0 });
    let large = (0..64).map(|at| 65_440.0 + at as f32 * 2.0);
    let finite: Vec<f32> =
        noise(4096 + 37).into_iter().chain(ties).chain(near_one).chain(small).chain(tiny).collect();
    let hostile: Vec<f32> = (finite.iter().copied().chain(signs).chain(large).enumerate())
        .map(|(at, value)| match at % 41 {
            7 => f32::NAN,
            19 if at > 2000 => f32::INFINITY,
            20 if at > 3000 => f32::NEG_INFINITY,
            21 if at > 4000 => f32::MAX,
            _ => value,
        })
        .collect();
    let lengths = (0..70).map(|length| &finite[finite.len() - length..]);
    let inputs: Vec<_> = [&finite[..], &hostile].into_iter().chain(lengths).collect();
    let results = [Level::Baseline, Level::Avx2, Level::Avx512].map(|widest| {
        at_most(widest);
        assert!(level() <= widest);
        inputs.iter().map(|values| everything(values)).collect::<Vec<_>>()
    });
    at_most(Level::Avx512);
    assert!(results[0] == results[1] && results[1] == results[2]);
}
