//! Activation functions by the names transformers gives them (`ACT2FN` in `activations.py`).
//!
//! Each library means something else by "gelu", so the function is written out here and both
//! backends are held to it.

use serde::Deserialize;

/// The function between the two feed-forward matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x/2 · (1 + erf(x/√2))`, exact.
    #[serde(alias = "gelu_python")]
    Gelu,
    /// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))`.
    #[serde(alias = "gelu_fast", alias = "gelu_pytorch_tanh", alias = "gelu_accurate")]
    GeluNew,
    /// `x · sigmoid(1.702·x)`.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
    /// `x · sigmoid(x)`.
    #[serde(alias = "swish")]
    Silu,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// What can be asked for.
    pub(crate) const NAMES: &str = "gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, gelu_accurate, gelu_python, \
                                    quick_gelu, relu, silu, swish and tanh";

    /// The function itself, in double precision, for tests and small vectors.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            Self::GeluNew => {
                0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
            }
            Self::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Self::Relu => x.max(0.0),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
        }
    }
}

/// The error function to double precision: its Taylor series near zero, and the continued fraction
/// of `erfc` (Abramowitz and Stegun, 7.1.6 and 7.1.14) beyond 3.
pub fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude < 3.0 {
        // erf(x) = 2/√π · e^(-x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term.abs() > 1e-17 * sum.abs() {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum;
    }
    let fraction = (1..60).rev().fold(magnitude, |tail, k| magnitude + f64::from(k) / 2.0 / tail);
    let erfc = (-magnitude * magnitude).exp() / (fraction * std::f64::consts::PI.sqrt());
    (1.0 - erfc).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_agrees_with_tables() {
        // Abramowitz and Stegun, table 7.1, and erfc(3), erfc(4) from table 7.3.
        for (x, expected) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_8),
            (1.0, 0.842_700_792_9),
            (2.0, 0.995_322_265_0),
            (3.0, 0.999_977_909_5),
            (4.0, 0.999_999_984_6),
        ] {
            assert!((erf(x) - expected).abs() < 1e-10, "{x}: {}", erf(x));
            assert!((erf(-x) + expected).abs() < 1e-10);
        }
        assert!((erf(2.999_999_9) - erf(3.000_000_1)).abs() < 1e-9);
    }

    #[test]
    fn names_are_those_of_transformers() {
        let parse = |name: &str| serde_json::from_str::<Activation>(&format!("\"{name}\"")).ok();
        assert_eq!(parse("gelu"), Some(Activation::Gelu));
        assert_eq!(parse("gelu_new"), Some(Activation::GeluNew));
        assert_eq!(parse("gelu_fast"), Some(Activation::GeluNew));
        assert_eq!(parse("swish"), Some(Activation::Silu));
        assert_eq!(parse("mish"), None);
    }

    #[test]
    fn values_are_those_of_pytorch() {
        // torch 2.15: torch.nn.functional.gelu(torch.tensor(1.5, dtype=torch.float64)) and so on.
        assert!((Activation::Gelu.apply(1.5) - 1.399_789_198_096_713).abs() < 1e-12);
        assert!((Activation::GeluNew.apply(1.5) - 1.399_571_576_980_232_8).abs() < 1e-12);
        assert!((Activation::Silu.apply(1.5) - 1.226_361_714_290_465_5).abs() < 1e-12);
    }
}
