//! What is done where nobody says otherwise. The one place for it: the help texts show these values.

use gatecheck_judge::record::{Policy, SpeedOn};

/// Bits per weight of the artefact.
pub const BITS: u32 = 8;
/// Weights per scale, as in mlx-lm.
pub const GROUP_SIZE: u32 = gatecheck_model::convert::GROUP_SIZE;
/// Fewest bits of the word embeddings.
pub const EMBEDDING_BITS: u32 = gatecheck_model::convert::EMBEDDING_BITS;
/// Rows per batch in the throughput phase.
pub const BATCH_SIZE: u32 = 32;
/// Queries per arm in the latency phase: what a p99 needs for its interval.
pub const LATENCY_QUERIES: u32 = 662;
/// Seed of every shuffle and resampling.
pub const SEED: u64 = 42;
/// Seconds without an answer after which an arm is given up.
pub const TIMEOUT_S: u64 = 600;
/// Confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;
/// Draws of every bootstrap.
pub const RESAMPLES: u32 = 10_000;
/// Largest drop of the judged metric that is allowed, absolute.
pub const MAX_ACCURACY_DROP: f64 = 0.015;
/// Smallest speedup that is allowed.
pub const MIN_SPEEDUP: f64 = 1.2;
/// Where a speed verdict may be given.
pub const SPEED_ON: SpeedOn = SpeedOn::Accelerator;
/// Allowed relative deviation from the target size.
pub const SIZE_TOLERANCE: f64 = 0.1;
/// Largest share of truncated examples with which accuracy is judged.
pub const MAX_TRUNCATED_SHARE: f64 = 0.05;
/// Bits that `tune` chooses from.
pub const TUNED_BITS: [u32; 6] = [2, 3, 4, 5, 6, 8];
/// Examples by which `tune` measures sensitivity.
pub const SENSITIVITY_EXAMPLES: u32 = 512;
/// Folder of the converted models.
pub const ARTEFACTS: &str = "models/mlx_converted";
/// Folder of the reports.
pub const REPORTS: &str = "reports";
/// Folder of the demo's reports.
pub const DEMO_REPORTS: &str = "reports/demo";
/// The hypothesis of a zero-shot question; that of transformers.
pub const HYPOTHESIS: &str = "This example is {}.";

/// The limits.
pub fn policy() -> Policy {
    Policy {
        max_accuracy_drop: MAX_ACCURACY_DROP,
        min_speedup: MIN_SPEEDUP,
        speed_on: SPEED_ON,
        size_tolerance: SIZE_TOLERANCE,
        target_size_mb: None,
        max_truncated_share: MAX_TRUNCATED_SHARE,
        strict: false,
    }
}
