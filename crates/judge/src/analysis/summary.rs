//! One arm by itself.

use gatecheck_base::text::megabytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    latency::latency,
    quality::{Quality, predictions_sha256, quality},
    speed::per_second,
    value::{MetricValue, value_of},
};
use crate::{
    record::{ArmRecord, Engine, Failure, Given, Role, RunRecord},
    stats::Resampling,
    task::Metric,
};

/// What one arm is and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmSummary {
    /// Name, such as `mlx-q8`.
    pub name: String,
    /// Its part.
    pub role: Role,
    /// `candle`, `mlx` or `mock`.
    pub backend: String,
    /// Device as the backend names it, of several each once.
    pub device: String,
    /// `float32`, `dequantized` or `quantized`, in the same way.
    pub execution: String,
    /// What computed it; `null` if it was never loaded.
    pub engine: Option<Engine>,
    /// Bits per weight of a quantized arm.
    pub bits: Option<u32>,
    /// Weights per scale of a quantized arm.
    pub group_size: Option<u32>,
    /// MLX's mode of a quantized arm.
    #[serde(default)]
    pub mode: Option<String>,
    /// Whether some of its modules are quantized otherwise.
    #[serde(default)]
    pub mixed: bool,
    /// Where an artefact comes from that was given and not converted for the run.
    #[serde(default)]
    pub given: Option<Given>,
    /// Folder the weights were read from.
    pub weights: String,
    /// Hash of the conversion recipe of a converted artefact.
    pub recipe_sha256: Option<String>,
    /// The quality metrics that are shown, and those of performance; one that could not be had is not there.
    pub metrics: Vec<MetricValue>,
    /// Examples by gold class (rows) and predicted class (columns); empty for scores and for more than 1,000 classes.
    pub confusion: Vec<Vec<u64>>,
    /// Size computed from the recipe, in MB.
    pub expected_size_mb: Option<f64>,
    /// SHA-256 of the predictions in dataset order: classes as little-endian `u32`, scores as
    /// little-endian `f32`. `null` unless every example was measured.
    pub predictions_sha256: Option<String>,
    /// Why the arm could not be measured to the end.
    pub failure: Option<Failure>,
}

impl ArmSummary {
    /// The value of a metric that an arm has one of.
    pub fn metric(&self, id: Metric) -> Option<&MetricValue> {
        value_of(&self.metrics, id)
    }

    /// Whether any of its processes computed on the CPU.
    pub fn used_cpu(&self) -> bool {
        self.device.split(", ").any(|device| device.eq_ignore_ascii_case("cpu"))
    }

    /// The value of a metric for a class.
    pub fn class_metric(&self, id: Metric, class: usize) -> Option<&MetricValue> {
        self.metrics.iter().find(|value| value.id == id && value.class.is_some_and(|of| of as usize == class))
    }
}

/// Summarises one arm.
pub(super) fn summarise(record: &RunRecord, arm: &ArmRecord, resampling: &Resampling) -> ArmSummary {
    let questions = Questions::of(record);
    let answers = Answers::of(record, arm);
    let Quality { metrics, confusion } = quality(&questions, &answers, resampling);
    let performance = [throughput(record, arm), latency(&arm.latency, resampling.confidence), resources(arm)];
    let quantization = arm.quantization.as_ref();
    ArmSummary {
        name: arm.name.clone(),
        role: arm.role,
        backend: arm.backend.clone(),
        device: arm.device(),
        execution: arm.execution(),
        engine: arm.engine().cloned(),
        bits: quantization.map(|quantization| quantization.bits),
        group_size: quantization.map(|quantization| quantization.group_size),
        mode: quantization.map(|quantization| quantization.mode.clone()),
        mixed: quantization.is_some_and(|quantization| quantization.mixed),
        given: arm.given.clone(),
        weights: arm.weights.clone(),
        recipe_sha256: arm.recipe_sha256.clone(),
        metrics: metrics.into_iter().chain(performance.into_iter().flatten()).collect(),
        confusion,
        expected_size_mb: arm.expected_size_bytes.and_then(known),
        predictions_sha256: predictions_sha256(&questions, &answers),
        failure: arm.failure.clone(),
    }
}

fn throughput(record: &RunRecord, arm: &ArmRecord) -> Vec<MetricValue> {
    let calls = arm.throughput.len() as u64;
    let tokens = per_second(&arm.throughput, |call| call.tokens);
    let facts = &record.dataset;
    let padding = (facts.real_tokens > 0).then(|| facts.padded_tokens as f64 / facts.real_tokens as f64);
    let rates = [
        (Metric::Qpm, per_second(&arm.throughput, |call| call.examples).map(|rate| rate * 60.0)),
        (Metric::TokensPerSecond, tokens),
        (Metric::PaddedTokensPerSecond, padding.zip(tokens).map(|(factor, rate)| factor * rate)),
    ];
    rates.into_iter().filter_map(|(id, rate)| MetricValue::new(id, rate?, None, calls)).collect()
}

/// Memory of the arm's process, and its size on disk.
fn resources(arm: &ArmRecord) -> Vec<MetricValue> {
    let each = || arm.sessions.iter().map(|session| &session.memory);
    let samples: Vec<u64> = each().flat_map(|memory| &memory.samples).copied().collect();
    let total: u128 = samples.iter().map(|bytes| u128::from(*bytes)).sum();
    let average = (!samples.is_empty()).then(|| total as f64 / samples.len() as f64 / 1e6);
    let values = [
        (Metric::MemoryAverageMb, average, samples.len() as u64),
        (Metric::MemoryPeakMb, each().map(|memory| memory.peak).max().and_then(known), 1),
        (Metric::MemoryAfterLoadMb, each().find_map(|memory| known(memory.after_load)), 1),
        (
            Metric::MemoryBackendPeakMb,
            each().filter_map(|memory| memory.backend_peak).max().map(megabytes),
            1,
        ),
        (Metric::SizeMb, known(arm.size_bytes), 1),
    ];
    values.into_iter().filter_map(|(id, value, n)| MetricValue::new(id, value?, None, n)).collect()
}

/// Megabytes; a quantity of 0 was not measured.
fn known(bytes: u64) -> Option<f64> {
    (bytes > 0).then(|| megabytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn summary(record: &RunRecord, arm: usize) -> ArmSummary {
        summarise(record, &record.arms[arm], &Resampling::new(0.95, 1000, 1))
    }

    #[test]
    fn arms_are_summed_up() {
        let record = fixture::record();
        let arm = summary(&record, 0);
        let value = |id| arm.metric(id).unwrap().value;
        let seconds = record.arms[0].throughput.iter().map(|call| call.ns).sum::<u64>() as f64 / 1e9;
        assert!((value(Metric::Qpm) - 600.0 / seconds * 60.0).abs() < 1e-6);
        let tokens = record.dataset.real_tokens as f64;
        assert!((value(Metric::TokensPerSecond) - tokens / seconds).abs() < 1e-6);
        assert!((value(Metric::PaddedTokensPerSecond) - 1.25 * tokens / seconds).abs() < 0.1);
        assert_eq!((value(Metric::MemoryAverageMb), value(Metric::MemoryPeakMb)), (520.0, 600.0));
        assert_eq!((value(Metric::SizeMb), arm.expected_size_mb), (438.0, None));
        assert_eq!(arm.class_metric(Metric::Recall, 2).unwrap().value, 0.9);
        assert_eq!(arm.predictions_sha256.unwrap().len(), 64);
    }

    #[test]
    fn a_killed_arm_has_no_numbers() {
        let arm = summary(&fixture::killed(2), 2);
        assert_eq!(arm.metrics.iter().map(|value| value.id).collect::<Vec<_>>(), [Metric::SizeMb]);
        assert_eq!((arm.predictions_sha256, arm.failure.unwrap().phase.as_str()), (None, "load"));
    }
}
