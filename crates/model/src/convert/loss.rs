//! What is lost on the way from the weights to what stands for them.

use gatecheck_base::simd::widest;
use serde::{Deserialize, Serialize};

/// Sums of squares: of the weights, and of the errors. Those of a quantized tensor are the weights as they were rounded
/// to the type of the artefact before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    weights: f64,
    errors: f64,
}

impl Loss {
    /// Root mean square of the errors by that of the weights; 0 where all weights are zero.
    pub fn relative_rms(self) -> f64 {
        if self.weights == 0.0 { 0.0 } else { (self.errors / self.weights).sqrt() }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { weights: self.weights + other.weights, errors: self.errors + other.errors }
    }
}

/// A [`Loss`] that is not summed up yet: eight sums at a time; in 32 bits for no more than a task.
#[derive(Debug, Default)]
pub(super) struct Sums([[f32; 8]; 2]);

impl Sums {
    /// Adds elements, as far as they are eights.
    pub(super) fn add(&mut self, weights: &[f32], stored: &[f32]) {
        add(&mut self.0, weights, stored);
    }

    /// All sums, with the elements that are left at the end.
    pub(super) fn finish(self, weights: &[f32], stored: &[f32]) -> Loss {
        let total = |lanes: [f32; 8]| lanes.iter().map(|sum| f64::from(*sum)).sum::<f64>();
        let [mut weight, mut error] = self.0.map(total);
        for (one, other) in weights.iter().zip(stored) {
            weight += f64::from(*one).powi(2);
            error += f64::from(one - other).powi(2);
        }
        Loss { weights: weight, errors: error }
    }
}

widest! { fn add(sums: &mut [[f32; 8]; 2], weights: &[f32], stored: &[f32]) = add_inline }

#[inline(always)]
fn add_inline(sums: &mut [[f32; 8]; 2], weights: &[f32], stored: &[f32]) {
    let [mut squares, mut errors] = *sums;
    for (weights, stored) in weights.as_chunks::<8>().0.iter().zip(stored.as_chunks::<8>().0) {
        for lane in 0..8 {
            let error = weights[lane] - stored[lane];
            squares[lane] += weights[lane] * weights[lane];
            errors[lane] += error * error;
        }
    }
    *sums = [squares, errors];
}
