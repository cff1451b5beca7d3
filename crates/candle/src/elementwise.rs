//! The element-wise functions of an encoder, branch-free so that they vectorise.
//!
//! Error bounds are checked in the tests against double precision.

use gatecheck_base::simd::widest;
use gatecheck_model::activation::Activation;

/// `x·y + z`, rounded once. A body without fused instructions calls `fmaf` of the C library, which is slow and
/// gives the same bits.
#[inline(always)]
fn fma(x: f32, y: f32, z: f32) -> f32 {
    x.mul_add(y, z)
}

/// Evaluates a polynomial, highest power first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = fma(sum, x, *coefficient);
    }
    sum
}

/// `e^x` for finite `x`, relative error below 3e-7; flushes to zero below -87.3 and saturates above 88.
///
/// `e^x = 2^n · e^r` with `|r| ≤ ln 2 / 2`, where `e^r` is its Taylor polynomial of degree 7 and `ln 2`
/// is split in two so that `r` is exact (Cody and Waite, *Software Manual for the Elementary Functions*).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5·2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const TAYLOR: [f32; 8] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let clamped = x.clamp(-87.3, 88.0);
    let rounded = fma(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, clamped));
    // The low bits of `rounded` are the whole number itself; 127 is the bias of the exponent.
    let scale = f32::from_bits(rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    let value = polynomial(r, TAYLOR) * scale;
    if x < -87.3 { 0.0 } else { value }
}

/// `erf(x/√2)`, absolute error below 6e-7.
///
/// A rational function of `x²`, fitted here by reweighted least squares (Lawson's algorithm) on
/// `[0, 5.6]`; beyond, `erf` is 1 to within 3e-8.
#[inline(always)]
fn erf_of_half_square(x: f32) -> f32 {
    const NUMERATOR: [f32; 6] =
        [4.429_039e-8, 1.271_301e-5, 3.477_005_2e-4, 9.414_513e-3, 6.875_218e-2, 7.978_845e-1];
    const DENOMINATOR: [f32; 6] =
        [1.180_206_5e-6, 7.510_164e-5, 1.912_976e-3, 2.894_007_2e-2, 2.528_338e-1, 1.0];
    let near = x.clamp(-5.6, 5.6);
    let square = near * near;
    let value = near * polynomial(square, NUMERATOR) / polynomial(square, DENOMINATOR);
    if x.abs() < 5.6 { value } else { 1.0f32.copysign(x) }
}

/// `tanh`, absolute error below 3e-7, from [`exp`].
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let e = exp(2.0 * x.abs().min(20.0));
    let magnitude = 1.0 - 2.0 / (e + 1.0);
    // Near zero the subtraction cancels; the series x - x³/3 + 2x⁵/15 takes over.
    let square = x * x;
    let small = x * polynomial(square, [2.0 / 15.0, -1.0 / 3.0, 1.0]);
    if x.abs() < 0.05 { small } else { magnitude.copysign(x) }
}

#[inline(always)]
fn activate_body(values: &mut [f32], activation: Activation) {
    #[inline(always)]
    fn map(values: &mut [f32], function: impl Fn(f32) -> f32) {
        for value in values {
            *value = function(*value);
        }
    }
    match activation {
        Activation::Gelu => map(values, |x| {
            let half = 0.5 * x;
            fma(half, erf_of_half_square(x), half)
        }),
        Activation::GeluNew => map(values, |x| {
            let half = 0.5 * x;
            let inner = 0.797_884_6 * fma(0.044_715 * x * x, x, x);
            fma(half, tanh(inner), half)
        }),
        Activation::QuickGelu => map(values, |x| x / (1.0 + exp(-1.702 * x))),
        Activation::Relu => map(values, |x| x.max(0.0)),
        Activation::Silu => map(values, |x| x / (1.0 + exp(-x))),
        Activation::Tanh => map(values, tanh),
    }
}

widest! {
    /// `values = activation(values)`.
    pub(crate) fn activate(values: &mut [f32], activation: Activation) = activate_body
}

#[inline(always)]
fn bias_body(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += *bias;
        }
    }
}

widest! {
    /// `rows = rows + bias`, row by row.
    pub(crate) fn add_bias(rows: &mut [f32], bias: &[f32]) = bias_body
}

/// Sum of a slice in sixteen lanes, so that it vectorises.
#[inline(always)]
fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += term(*value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| term(*value)).sum::<f32>()
}

/// Layer norm of one row (<https://arxiv.org/abs/1607.06450>).
#[inline(always)]
fn norm_row(row: &mut [f32], scale: &[f32], shift: &[f32], epsilon: f32) {
    let width = row.len() as f32;
    let mean = sum(row, |value| value) / width;
    let variance = sum(row, |value| (value - mean) * (value - mean)) / width;
    let factor = 1.0 / (variance + epsilon).sqrt();
    for ((value, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
        *value = fma((*value - mean) * factor, *scale, *shift);
    }
}

/// The numbers of a norm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormRow<'a> {
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    /// Added to the variance. Without it nothing is normed, only scaled and shifted.
    pub(crate) epsilon: Option<f32>,
}

#[inline(always)]
fn add_norm_body(rows: &mut [f32], width: usize, residual: Option<&[f32]>, norm: Option<NormRow<'_>>) {
    for (index, row) in rows.chunks_exact_mut(width).enumerate() {
        if let Some(residual) = residual {
            for (value, residual) in row.iter_mut().zip(&residual[index * width..][..width]) {
                *value += *residual;
            }
        }
        match norm {
            Some(NormRow { scale, shift, epsilon: Some(epsilon) }) => norm_row(row, scale, shift, epsilon),
            Some(NormRow { scale, shift, epsilon: None }) => {
                for ((value, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
                    *value = fma(*value, *scale, *shift);
                }
            }
            None => {}
        }
    }
}

widest! {
    /// `rows = norm(rows + residual)`, row by row.
    pub(crate) fn add_norm(
        rows: &mut [f32],
        width: usize,
        residual: Option<&[f32]>,
        norm: Option<NormRow<'_>>,
    ) = add_norm_body
}

#[inline(always)]
fn gate_body(rows: &[f32], activation: Activation, gated: &mut [f32], width: usize) {
    for (row, gated) in rows.chunks_exact(2 * width).zip(gated.chunks_exact_mut(width)) {
        let (values, gates) = row.split_at(width);
        gated.copy_from_slice(values);
        activate_body(gated, activation);
        for (value, gate) in gated.iter_mut().zip(gates) {
            *value *= *gate;
        }
    }
}

widest! {
    /// The first half of each row, activated, times the second half (<https://arxiv.org/abs/2002.05202>).
    pub(crate) fn gate(rows: &[f32], activation: Activation, gated: &mut [f32], width: usize) = gate_body
}

#[inline(always)]
fn rope_body(vectors: &mut [f32], angles: &[f32]) {
    let half = angles.len() / 2;
    let (cosines, sines) = angles.split_at(half);
    for vector in vectors.chunks_exact_mut(angles.len()) {
        let (first, second) = vector.split_at_mut(half);
        for (((x, y), cosine), sine) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
            (*x, *y) = (fma(*x, *cosine, -(*y * *sine)), fma(*y, *cosine, *x * *sine));
        }
    }
}

widest! {
    /// Rotary positions: rotates the pairs of each vector, elements `i` and `i + half`, by angles given as their
    /// cosines, then their sines (<https://arxiv.org/abs/2104.09864>).
    pub(crate) fn rope(vectors: &mut [f32], angles: &[f32]) = rope_body
}

#[inline(always)]
fn softmax_body(scores: &mut [f32], width: usize, stride: usize) {
    for row in scores.chunks_exact_mut(stride) {
        let row = &mut row[..width];
        let mut lanes = [f32::NEG_INFINITY; 16];
        let (chunks, rest) = row.as_chunks::<16>();
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane = if *value > *lane { *value } else { *lane };
            }
        }
        let highest = lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
        for value in row.iter_mut() {
            *value = exp(*value - highest);
        }
        let factor = 1.0 / sum(row, |value| value);
        for value in row.iter_mut() {
            *value *= factor;
        }
    }
}

widest! {
    /// Softmax of each row of `width` finite scores, in place. Rows begin every `stride` elements.
    pub(crate) fn softmax(scores: &mut [f32], width: usize, stride: usize) = softmax_body
}

#[cfg(test)]
#[path = "elementwise_tests.rs"]
mod tests;
