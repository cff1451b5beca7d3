//! What one gate said of one arm.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::{
    analysis::{Analysis, ArmSummary},
    record::Failure,
    task::Metric,
};

/// The gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// The drop of the quality metric that is judged.
    Quality,
    /// The ratio of times.
    Speed,
    /// The size on disk.
    Size,
}

/// A verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateResult {
    /// Which gate.
    pub gate: Gate,
    /// Its name: `speed`, `size`, or the id of the metric that is judged, such as `accuracy`.
    pub name: String,
    /// The arm judged.
    pub arm: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What was measured: drop (absolute), speedup (ratio) or size (MB).
    pub measured: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// The limit, in the unit of `measured`; of the size gate the target.
    pub limit: Option<f64>,
    /// Why the verdict is what it is.
    pub reason: String,
}

impl GateResult {
    /// A result of the quality gate without numbers.
    pub(super) fn quality(metric: Metric, arm: &ArmSummary) -> Self {
        Self::new(Gate::Quality, metric.id(), arm)
    }

    /// A result without numbers.
    pub(super) fn new(gate: Gate, name: &str, arm: &ArmSummary) -> Self {
        Self {
            gate,
            name: name.to_owned(),
            arm: arm.name.clone(),
            verdict: Verdict::Error,
            measured: None,
            low: None,
            high: None,
            limit: None,
            reason: String::new(),
        }
    }

    /// Sets what was measured, and the limit.
    pub(super) fn measured(self, value: f64, low: Option<f64>, high: Option<f64>) -> Self {
        Self { measured: Some(value), low, high, ..self }
    }

    /// Sets the limit.
    pub(super) fn limit(self, limit: f64) -> Self {
        Self { limit: limit.is_finite().then_some(limit), ..self }
    }

    /// Sets the verdict.
    pub(super) fn verdict(self, verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { verdict, reason: reason.into(), ..self }
    }
}

/// Why a comparison of `arm` with the baseline cannot be had.
pub(super) fn broken(analysis: &Analysis, arm: &ArmSummary) -> Option<String> {
    let Some(baseline) = analysis.baseline() else { return Some("there is no baseline arm".to_owned()) };
    [arm, baseline].into_iter().find_map(failed)
}

/// Why `arm` could not be measured.
pub(super) fn failed(arm: &ArmSummary) -> Option<String> {
    let Failure { phase, message, stderr: _ } = arm.failure.as_ref()?;
    Some(format!("`{}` failed in {phase}: {message}", arm.name))
}
