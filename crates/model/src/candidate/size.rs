//! The size that a candidate should have by its own configuration.

use crate::{
    checkpoint::{Checkpoint, Stored},
    quant::Float,
    quantization::QuantizationConfig,
    weights::WeightError,
};

/// What the files of a candidate come to if every matrix is quantized as its configuration says, where the columns split
/// into groups. All but the tensors themselves counts as it is, `size_bytes` being everything.
pub(super) fn expected(
    candidate: &Checkpoint,
    source: &Checkpoint,
    quantization: Option<&QuantizationConfig>,
    size_bytes: u64,
) -> Result<u64, WeightError> {
    let float = candidate.float_type();
    let (mut stored, mut planned) = (0, 0);
    for (name, exact) in source.stored_tensors() {
        let Some(found) = candidate.stored_tensor(&name, exact.columns())? else { continue };
        stored += bytes(&found);
        let Stored::Plain(exact) = exact else { continue };
        planned += of_recipe(&name, exact.shape, quantization, float);
    }
    Ok((size_bytes + planned).saturating_sub(stored))
}

fn bytes(stored: &Stored<'_>) -> u64 {
    let length = |view: &crate::weights::TensorView<'_>| view.bytes.len() as u64;
    match stored {
        Stored::Plain(view) => length(view),
        Stored::Packed(packed) => {
            length(&packed.words) + length(&packed.scales) + packed.biases.as_ref().map_or(0, length)
        }
    }
}

fn of_recipe(name: &str, shape: &[usize], quantization: Option<&QuantizationConfig>, float: Float) -> u64 {
    let elements: u64 = shape.iter().map(|size| *size as u64).product();
    let scheme = match (shape, name.strip_suffix(".weight")) {
        ([_, columns], Some(module)) => {
            quantization.and_then(|config| config.of(module)).filter(|scheme| scheme.divides(*columns))
        }
        _ => None,
    };
    let Some(scheme) = scheme else { return elements * float.bytes() as u64 };
    let groups = elements / u64::from(scheme.group_size());
    let scales = groups * scheme.scale_bytes(float) as u64;
    elements * u64::from(scheme.bits()) / 8 + if scheme.has_biases() { 2 * scales } else { scales }
}
