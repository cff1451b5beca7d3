//! From the elements of the source to the bytes of the artefact, and what is lost on the way.

use serde::{Deserialize, Serialize};

use super::{Action, PlannedTensor};
use crate::quant::{Bound, Float, dequantize_groups, largest, quantize_groups};

/// Elements that one thread takes at a time: they stay in its caches from reading to checking. A multiple of every group
/// size.
pub(super) const TASK: usize = 1 << 15;

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

    fn of(weights: &[f32], stored: &[f32]) -> Self {
        // Eight sums at a time; in 32 bits for no more than a task.
        let mut sums = [[0.0f32; 8]; 2];
        for (weights, stored) in weights.as_chunks::<8>().0.iter().zip(stored.as_chunks::<8>().0) {
            for lane in 0..8 {
                let error = weights[lane] - stored[lane];
                sums[0][lane] += weights[lane] * weights[lane];
                sums[1][lane] += error * error;
            }
        }
        let [mut weight, mut error] = sums.map(|lanes| lanes.iter().map(|sum| f64::from(*sum)).sum::<f64>());
        let rest = weights.len() / 8 * 8;
        for (one, other) in weights[rest..].iter().zip(&stored[rest..]) {
            weight += f64::from(*one).powi(2);
            error += f64::from(one - other).powi(2);
        }
        Self { weights: weight, errors: error }
    }
}

/// What becomes of some elements of a tensor. Its buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    /// The elements, in 32 bits.
    values: Vec<f32>,
    /// What the parts decode to.
    decoded: Vec<f32>,
    /// The bytes of each part: the floats, or words, scales and biases.
    pub(super) parts: Vec<Vec<u8>>,
    /// Largest magnitude in the source; infinite or NaN where some element is.
    pub(super) largest: f32,
}

impl Encoded {
    /// Encodes elements, of which there are no more than [`TASK`].
    pub(super) fn fill(&mut self, tensor: &PlannedTensor, bytes: &[u8]) {
        let source = tensor.source_dtype;
        let elements = bytes.len() / source.bytes();
        self.values.resize(elements, 0.0);
        source.read(bytes, &mut self.values);
        self.largest = largest(&self.values);
        let sizes = part_sizes(tensor.action);
        self.parts.resize_with(sizes.len(), Vec::new);
        for (part, (size, per)) in self.parts.iter_mut().zip(&sizes) {
            part.resize(elements / per * size, 0);
        }
        match (tensor.action, &mut self.parts[..]) {
            (Action::Store { dtype }, [floats]) => dtype.write(&self.values, floats),
            (Action::Quantize { scheme, dtype }, [weight, scales, rest @ ..]) => {
                let mut none = [];
                let biases = rest.first_mut().map_or(&mut none[..], |biases| &mut biases[..]);
                if dtype != source {
                    dtype.round(&mut self.values);
                }
                quantize_groups(scheme, &self.values, dtype, weight, scales, biases);
            }
            _ => {}
        }
    }

    /// What was lost, by the bytes that stand for the elements in the artefact; or what is wrong, where they do not decode
    /// to these elements, whatever the encoder thinks of them.
    pub(super) fn check(&mut self, tensor: &PlannedTensor, parts: &[Vec<u8>]) -> Result<Loss, String> {
        let Self { values, decoded, .. } = self;
        decoded.resize(values.len(), 0.0);
        let (scheme, dtype, weight, scales, rest) = match (tensor.action, parts) {
            (Action::Quantize { scheme, dtype }, [weight, scales, rest @ ..]) => {
                (scheme, dtype, weight, scales, rest)
            }
            (Action::Store { dtype } | Action::Quantize { dtype, .. }, _) => {
                dtype.read(&parts[0], decoded);
                return Ok(Loss::of(values, decoded));
            }
        };
        let biases = rest.first().map_or(&[][..], Vec::as_slice);
        dequantize_groups(scheme, [weight, scales, biases], dtype, Float::Float32, decoded);
        let size = scheme.group_size() as usize;
        for (group, (exact, decoded)) in values.chunks(size).zip(decoded.chunks(size)).enumerate() {
            let bound = Bound::of_group(scheme, dtype, scales, biases, group);
            let wrong = |(exact, decoded): &(&f32, &f32)| !bound.holds(**exact, **decoded);
            // Looks at all of them in any case, which goes faster.
            if exact.iter().zip(decoded).fold(false, |any, pair| any | wrong(&pair)) {
                let worst = exact.iter().zip(decoded).map(|(exact, decoded)| (exact - decoded).abs());
                let worst = worst
                    .fold(0.0, |one: f32, other| if other > one || other.is_nan() { other } else { one });
                let (name, rest) = (&tensor.name, "more than rounding makes");
                return Err(format!("tensor `{name}` decodes with an error of {worst:e}, {rest}"));
            }
        }
        Ok(Loss::of(values, decoded))
    }
}

/// For each part, how many bytes stand for how many elements.
pub(super) fn part_sizes(action: Action) -> Vec<(usize, usize)> {
    match action {
        Action::Store { dtype } => vec![(dtype.bytes(), 1)],
        Action::Quantize { scheme, dtype } => {
            let (size, scale) = (scheme.group_size() as usize, scheme.scale_bytes(dtype));
            let mut sizes = vec![(size * scheme.bits() as usize / 8, size), (scale, size)];
            if scheme.has_biases() {
                sizes.push((scale, size));
            }
            sizes
        }
    }
}
