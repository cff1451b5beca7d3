//! From the elements of the source to the bytes of the artefact, and back.

use std::ops::Range;

use super::{Action, Loss, PlannedTensor, loss::Sums};
use crate::quant::{Float, Scheme, dequantize_groups, first_beyond, largest, quantize_groups};

/// Elements that one thread takes at a time: they stay in its caches from reading to checking. A multiple of every group
/// size.
pub(super) const TASK: usize = 1 << 15;
/// Elements that stay in the first-level cache from one step to the next. A multiple of every group size, too.
const BLOCK: usize = 1 << 12;

/// What becomes of some elements of a tensor. Its buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    /// The elements, in 32 bits.
    values: Vec<f32>,
    /// What a block decodes to.
    decoded: Vec<f32>,
    /// The bytes of each part: the floats, or words, scales and biases.
    pub(super) parts: Vec<Vec<u8>>,
    /// Largest magnitude in the source; infinite or NaN where some element is.
    pub(super) largest: f32,
}

impl Encoded {
    /// Encodes elements, of which there are no more than [`TASK`].
    pub(super) fn fill(&mut self, tensor: &PlannedTensor, bytes: &[u8]) {
        let (source, sizes) = (tensor.source_dtype, part_sizes(tensor.action));
        let elements = bytes.len() / source.bytes();
        self.values.resize(elements, 0.0);
        self.parts.resize_with(sizes.len(), Vec::new);
        for (part, (size, per)) in self.parts.iter_mut().zip(&sizes) {
            part.resize(elements / per * size, 0);
        }
        self.largest = 0.0;
        for block in blocks(elements) {
            let values = &mut self.values[block.clone()];
            source.read(&bytes[scaled(&block, (source.bytes(), 1))], values);
            // As bits, NaN is above all.
            self.largest = f32::from_bits(self.largest.to_bits().max(largest(values).to_bits()));
            match (tensor.action, &mut self.parts[..]) {
                (Action::Store { dtype }, [floats]) => {
                    dtype.write(values, &mut floats[scaled(&block, sizes[0])]);
                }
                (Action::Quantize { scheme, dtype }, [weight, scales, rest @ ..]) => {
                    let (weight, scales) =
                        (&mut weight[scaled(&block, sizes[0])], &mut scales[scaled(&block, sizes[1])]);
                    let biases = rest.first_mut().map(|biases| &mut biases[scaled(&block, sizes[1])]);
                    if dtype != source {
                        dtype.round(values);
                    }
                    quantize_groups(scheme, values, dtype, weight, scales, biases.unwrap_or_default());
                }
                _ => {}
            }
        }
    }

    /// What was lost, by the bytes that stand for the elements in the artefact; or what is wrong, where they do not decode
    /// to these elements, whatever the encoder thinks of them.
    pub(super) fn check(&mut self, tensor: &PlannedTensor, parts: &[Vec<u8>]) -> Result<Loss, String> {
        let Self { values, decoded, .. } = self;
        decoded.resize(BLOCK, 0.0);
        let (sizes, mut sums, mut left) = (part_sizes(tensor.action), Sums::default(), 0..0);
        for block in blocks(values.len()) {
            let (exact, decoded) = (&values[block.clone()], &mut decoded[..block.len()]);
            let part = |at: usize| parts.get(at).map_or(&[][..], |part| &part[scaled(&block, sizes[at])]);
            match tensor.action {
                Action::Store { dtype } => dtype.read(part(0), decoded),
                Action::Quantize { scheme, dtype } => {
                    let parts = [part(0), part(1), part(2)];
                    dequantize_groups(scheme, parts, dtype, Float::Float32, decoded);
                    if let Some(group) = first_beyond(scheme, dtype, [parts[1], parts[2]], exact, decoded) {
                        return Err(too_far(tensor, scheme, group, exact, decoded));
                    }
                }
            }
            sums.add(exact, decoded);
            left = block.len() / 8 * 8..block.len();
        }
        let start = values.len() - left.len();
        Ok(sums.finish(&values[start..], &decoded[left]))
    }
}

/// Says how far the worst element of a group is from what it should be.
fn too_far(tensor: &PlannedTensor, scheme: Scheme, group: usize, exact: &[f32], decoded: &[f32]) -> String {
    let size = scheme.group_size() as usize;
    let of_group = group * size..(group + 1) * size;
    let errors = exact[of_group.clone()].iter().zip(&decoded[of_group]);
    let errors = errors.map(|(exact, decoded)| (exact - decoded).abs());
    let worst = errors.fold(0.0, |one: f32, other| if other > one || other.is_nan() { other } else { one });
    format!("tensor `{}` decodes with an error of {worst:e}, more than rounding makes", tensor.name)
}

/// The blocks of so many elements.
fn blocks(elements: usize) -> impl Iterator<Item = Range<usize>> {
    (0..elements).step_by(BLOCK).map(move |start| start..elements.min(start + BLOCK))
}

/// The bytes that stand for a block, where so many stand for so many elements.
fn scaled(block: &Range<usize>, (size, per): (usize, usize)) -> Range<usize> {
    block.start / per * size..block.end / per * size
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_element_of_the_group_is_told() {
        let scheme = Scheme::affine(4, 64).unwrap();
        let tensor = PlannedTensor {
            name: "a".to_owned(),
            source_name: "a".to_owned(),
            shape: vec![3, 64],
            source_dtype: Float::Float32,
            action: Action::Quantize { scheme, dtype: Float::Float16 },
            reason: None,
            loss: None,
        };
        // The first of the group and the last, and larger errors in its neighbours.
        let exact = vec![1.0; 192];
        let mut decoded = exact.clone();
        (decoded[63], decoded[64], decoded[127], decoded[128]) = (9.0, 0.5, 1.25, 7.0);
        let told = too_far(&tensor, scheme, 1, &exact, &decoded);
        assert_eq!(told, "tensor `a` decodes with an error of 5e-1, more than rounding makes");
        decoded[100] = f32::NAN;
        assert!(too_far(&tensor, scheme, 1, &exact, &decoded).contains("an error of NaN"));
    }
}
