use super::*;

const ACTIVATIONS: [Activation; 6] = [
    Activation::Gelu,
    Activation::GeluNew,
    Activation::QuickGelu,
    Activation::Relu,
    Activation::Silu,
    Activation::Tanh,
];

/// Every float in steps fine enough to meet each branch, with the extremes.
fn inputs() -> Vec<f32> {
    let mut inputs: Vec<f32> = (-200_000..=200_000).map(|step| step as f32 * 1e-4).collect();
    inputs.extend([-1e30, -1e4, -100.0, -87.4, 1e-30, -1e-30, 0.0, -0.0, 100.0, 1e4, 1e30]);
    inputs
}

#[test]
fn exp_is_within_its_bound() {
    for x in (-870_000..=880_000).map(|step| step as f32 * 1e-4) {
        let expected = f64::from(x).exp();
        let error = (f64::from(exp(x)) - expected).abs() / expected;
        assert!(error < 3e-7, "exp({x}) is off by {error:e}");
    }
    assert_eq!(exp(-200.0), 0.0);
    assert_eq!(exp(f32::NEG_INFINITY), 0.0);
}

#[test]
fn erf_is_within_its_bound() {
    for x in inputs() {
        let expected = gatecheck_model::activation::erf(f64::from(x) / std::f64::consts::SQRT_2);
        let error = (f64::from(erf_of_half_square(x)) - expected).abs();
        assert!(error < 6e-7, "erf({x}/√2) is off by {error:e}");
    }
}

#[test]
fn activations_agree_with_double_precision() {
    for activation in ACTIVATIONS {
        for x in inputs() {
            let mut value = [x];
            activate(&mut value, activation);
            let exact = activation.apply(f64::from(x));
            let error = (f64::from(value[0]) - exact).abs();
            let bound = 2e-6f64.max(1e-6 * exact.abs());
            assert!(error < bound, "{activation:?}({x}) is {} instead of {exact}", value[0]);
        }
    }
}

#[test]
fn every_width_gives_the_same() {
    // Widths that are no multiple of a vector take the scalar tail.
    for width in [1, 3, 15, 16, 17, 33, 100] {
        let row: Vec<f32> = (0..2 * width).map(|i| ((i * 37) % 23) as f32 * 0.3 - 3.0).collect();
        let bias: Vec<f32> = (0..width).map(|i| i as f32 * 0.01).collect();
        let scale: Vec<f32> = (0..width).map(|i| 1.0 + i as f32 * 0.02).collect();
        let mut normed = row.clone();
        add_bias(&mut normed, &bias);
        let norm = NormRow { scale: &scale, shift: &bias, epsilon: Some(1e-5) };
        add_norm(&mut normed, width, Some(&row), Some(norm));
        let stride = width + width % 2;
        let mut soft = vec![9.0; 2 * stride];
        for (soft, row) in soft.chunks_exact_mut(stride).zip(row.chunks_exact(width)) {
            soft[..width].copy_from_slice(row);
        }
        softmax(&mut soft, width, stride);
        let mut alone: Vec<f32> = row.iter().zip(bias.iter().cycle()).map(|(x, b)| 2.0 * x + b).collect();
        add_norm(&mut alone, width, None, Some(norm));
        let mut scaled = row.clone();
        add_norm(&mut scaled, width, Some(&row), Some(NormRow { epsilon: None, ..norm }));
        let mut sum = row.clone();
        add_norm(&mut sum, width, Some(&row), None);
        for r in 0..2 {
            let x: Vec<f64> =
                (0..width).map(|i| f64::from(2.0 * row[r * width + i]) + f64::from(bias[i])).collect();
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64;
            let total: f64 = (0..width).map(|i| f64::from(row[r * width + i]).exp()).sum();
            for i in 0..width {
                let expected =
                    (x[i] - mean) / (variance + 1e-5).sqrt() * f64::from(scale[i]) + f64::from(bias[i]);
                assert!((f64::from(normed[r * width + i]) - expected).abs() < 2e-5, "norm, width {width}");
                assert!(
                    (f64::from(alone[r * width + i]) - expected).abs() < 2e-5,
                    "norm alone, width {width}"
                );
                let twice = 2.0 * f64::from(row[r * width + i]);
                assert!((f64::from(sum[r * width + i]) - twice).abs() < 1e-6, "sum, width {width}");
                let expected = twice * f64::from(scale[i]) + f64::from(bias[i]);
                assert!(
                    (f64::from(scaled[r * width + i]) - expected).abs() < 1e-5,
                    "scaled only, width {width}"
                );
                let probability = f64::from(row[r * width + i]).exp() / total;
                assert!(
                    (f64::from(soft[r * stride + i]) - probability).abs() < 1e-6,
                    "softmax, width {width}"
                );
            }
        }
    }
}

#[test]
fn gates_multiply_what_is_activated() {
    for width in [1, 7, 16, 37] {
        let rows: Vec<f32> = (0..4 * width).map(|i| ((i * 29) % 17) as f32 * 0.25 - 2.0).collect();
        let mut gated = vec![9.0; 2 * width];
        gate(&rows, Activation::Silu, &mut gated, width);
        for (i, value) in gated.iter().enumerate() {
            let at = i / width * 2 * width + i % width;
            let expected = Activation::Silu.apply(f64::from(rows[at])) * f64::from(rows[at + width]);
            assert!((f64::from(*value) - expected).abs() < 1e-5, "width {width}");
        }
    }
}

#[test]
fn turning_is_multiplication_by_a_complex_number() {
    for half in [1, 2, 7, 16, 33] {
        let size = 2 * half;
        let vectors: Vec<f32> = (0..3 * size).map(|i| ((i * 31) % 19) as f32 * 0.2 - 1.8).collect();
        let angles: Vec<f64> = (0..half).map(|i| i as f64 * 0.7 - 1.0).collect();
        let table: Vec<f32> =
            angles.iter().map(|a| a.cos() as f32).chain(angles.iter().map(|a| a.sin() as f32)).collect();
        let mut rotated = vectors.clone();
        rope(&mut rotated, &table);
        for (before, after) in vectors.chunks_exact(size).zip(rotated.chunks_exact(size)) {
            for (i, angle) in angles.iter().enumerate() {
                let (x, y) = (f64::from(before[i]), f64::from(before[i + half]));
                let (real, imaginary) =
                    (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos());
                assert!((f64::from(after[i]) - real).abs() < 1e-6, "half {half}");
                assert!((f64::from(after[i + half]) - imaginary).abs() < 1e-6, "half {half}");
            }
        }
    }
}
