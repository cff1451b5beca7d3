//! One arm by itself.

use gatecheck_base::text::megabytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Answers, Questions},
    estimate::Estimate,
    latency::{Latency, latency},
    quality::{Quality, predictions_sha256, quality},
    speed::per_second,
};
use crate::record::{ArmRecord, Failure, Role, RunRecord};

/// What one arm is and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmSummary {
    /// Name, such as `mlx-q8`.
    pub name: String,
    /// Its part.
    pub role: Role,
    /// `candle`, `mlx` or `mock`.
    pub backend: String,
    /// Device as the backend names it.
    pub device: String,
    /// `float32`, `dequantized` or `quantized`.
    pub execution: String,
    /// Bits per weight of a quantized arm.
    pub bits: Option<u32>,
    /// Weights per scale of a quantized arm.
    pub group_size: Option<u32>,
    /// Folder the weights were read from.
    pub weights: String,
    /// Hash of the conversion recipe of a converted artefact.
    pub recipe_sha256: Option<String>,
    /// The quality metric of the run (see `metric`).
    pub accuracy: Option<Estimate>,
    /// Pearson's correlation with the gold; similarity only.
    pub pearson: Option<Estimate>,
    /// Mean F1 over the classes.
    pub macro_f1: Option<f64>,
    /// Matthews' correlation.
    pub mcc: Option<f64>,
    /// Share found of each gold class, in the order of `dataset.labels.names`; `null` for a class without examples.
    pub recall: Vec<Option<f64>>,
    /// Examples by gold class (rows) and predicted class (columns).
    pub confusion: Vec<Vec<u64>>,
    /// Queries per minute: examples / seconds × 60 in the throughput phase.
    pub qpm: Option<f64>,
    /// Real tokens per second in the throughput phase.
    pub tokens_per_second: Option<f64>,
    /// The same with the padding counted.
    pub padded_tokens_per_second: Option<f64>,
    /// Latency phase, in milliseconds.
    pub latency_ms: Option<Latency>,
    /// Memory of the arm's process.
    pub memory_mb: MemoryMb,
    /// Size on disk in MB (10^6 bytes).
    pub size_mb: Option<f64>,
    /// Size computed from the recipe, in MB.
    pub expected_size_mb: Option<f64>,
    /// SHA-256 of the predictions in dataset order: classes as little-endian `u32`, scores as
    /// little-endian `f32`. `null` unless every example was measured.
    pub predictions_sha256: Option<String>,
    /// Why the arm could not be measured to the end.
    pub failure: Option<Failure>,
}

/// Resident memory in MB (10^6 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryMb {
    /// Mean of the samples taken after every block of work.
    pub average: Option<f64>,
    /// Highest ever, as the operating system counts it.
    pub peak: Option<f64>,
    /// Right after loading.
    pub after_load: Option<f64>,
    /// Highest of the backend's own allocator.
    pub backend_peak: Option<f64>,
}

/// Summarises one arm. `confidence` is that of every interval.
pub(super) fn summarise(record: &RunRecord, arm: &ArmRecord, confidence: f64) -> ArmSummary {
    let questions = Questions::of(record);
    let answers = Answers::of(record, arm);
    let Quality { accuracy, pearson, macro_f1, mcc, recall, confusion } =
        quality(&questions, &answers, confidence);
    let tokens_per_second = per_second(&arm.throughput, |call| call.tokens);
    ArmSummary {
        name: arm.name.clone(),
        role: arm.role,
        backend: arm.backend.clone(),
        device: arm.device().to_owned(),
        execution: arm.execution().to_owned(),
        bits: arm.quantization.map(|quantization| quantization.bits),
        group_size: arm.quantization.map(|quantization| quantization.group_size),
        weights: arm.weights.clone(),
        recipe_sha256: arm.recipe_sha256.clone(),
        accuracy,
        pearson,
        macro_f1,
        mcc,
        recall,
        confusion,
        qpm: per_second(&arm.throughput, |call| call.examples).map(|rate| rate * 60.0),
        tokens_per_second,
        padded_tokens_per_second: padding_factor(record)
            .zip(tokens_per_second)
            .map(|(factor, rate)| factor * rate),
        latency_ms: latency(&arm.latency, confidence),
        memory_mb: memory(arm),
        size_mb: known(arm.size_bytes),
        expected_size_mb: arm.expected_size_bytes.and_then(known),
        predictions_sha256: predictions_sha256(&questions, &answers),
        failure: arm.failure.clone(),
    }
}

/// Padded tokens per real token.
fn padding_factor(record: &RunRecord) -> Option<f64> {
    let facts = &record.dataset;
    (facts.real_tokens > 0).then(|| facts.padded_tokens as f64 / facts.real_tokens as f64)
}

fn memory(arm: &ArmRecord) -> MemoryMb {
    let each = || arm.sessions.iter().map(|session| &session.memory);
    let samples: Vec<u64> = each().flat_map(|memory| &memory.samples).copied().collect();
    let total: u128 = samples.iter().map(|bytes| u128::from(*bytes)).sum();
    MemoryMb {
        average: (!samples.is_empty()).then(|| total as f64 / samples.len() as f64 / 1e6),
        peak: each().map(|memory| memory.peak).max().and_then(known),
        after_load: each().find_map(|memory| known(memory.after_load)),
        backend_peak: each().filter_map(|memory| memory.backend_peak).max().map(megabytes),
    }
}

/// Megabytes; a quantity of 0 was not measured.
fn known(bytes: u64) -> Option<f64> {
    (bytes > 0).then(|| megabytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn arms_are_summed_up() {
        let record = fixture::record();
        let arm = summarise(&record, &record.arms[0], 0.95);
        let seconds = record.arms[0].throughput.iter().map(|call| call.ns).sum::<u64>() as f64 / 1e9;
        assert!((arm.qpm.unwrap() - 600.0 / seconds * 60.0).abs() < 1e-6);
        let tokens = record.dataset.real_tokens as f64;
        assert!((arm.tokens_per_second.unwrap() - tokens / seconds).abs() < 1e-6);
        assert!((arm.padded_tokens_per_second.unwrap() - 1.25 * tokens / seconds).abs() < 0.1);
        assert_eq!((arm.memory_mb.average, arm.memory_mb.peak), (Some(520.0), Some(600.0)));
        assert_eq!((arm.size_mb, arm.expected_size_mb), (Some(438.0), None));
        assert_eq!(arm.predictions_sha256.unwrap().len(), 64);
    }

    #[test]
    fn a_killed_arm_has_no_numbers() {
        let record = fixture::killed(2);
        let arm = summarise(&record, &record.arms[2], 0.95);
        assert_eq!((arm.accuracy, arm.qpm, arm.latency_ms), (None, None, None));
        assert_eq!((arm.memory_mb.average, arm.memory_mb.peak), (None, None));
        assert_eq!((arm.macro_f1, arm.predictions_sha256), (None, None));
        assert_eq!(arm.failure.unwrap().phase, "load");
    }
}
