//! Arguments that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gatecheck_judge::record::SpeedOn;

use crate::app::defaults;

/// How weights are quantized.
#[derive(Debug, Clone, Args)]
pub(crate) struct QuantizationArgs {
    #[arg(long, alias = "q-bits", help = format!("Bits per weight: 2, 3, 4, 5, 6 or 8; 16 or 32 leaves the weights unquantized \
                                [default: the model's, else {}]", defaults::BITS))]
    pub(crate) bits: Option<u32>,
    #[arg(long, alias = "q-group-size", help = format!("Weights per scale: 32, 64 or 128 [default: the model's, else {}]",
                               defaults::GROUP_SIZE))]
    pub(crate) group_size: Option<u32>,
    #[arg(long, value_name = "BITS",
          help = format!("Bits per weight of the word embeddings; 16 leaves them unquantized [default: {}, or BITS \
                          if more]", defaults::EMBEDDING_BITS))]
    pub(crate) embedding_bits: Option<u32>,
}

/// How much is measured, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct MeasuringArgs {
    /// Rows per batch in the throughput phase
    #[arg(long, default_value_t = defaults::BATCH_SIZE, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) batch_size: u32,
    /// Threads of each arm [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    /// Seed of every shuffle and resampling
    #[arg(long, default_value_t = defaults::SEED)]
    pub(crate) seed: u64,
    /// Single queries per arm in the latency phase; 662 make a p99 at 99 % confidence
    #[arg(long, value_name = "N", default_value_t = defaults::LATENCY_QUERIES)]
    pub(crate) latency_queries: u32,
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..),
          help = format!("Give up on an arm that does not answer for so long [default: {}; of a resumed run its own]",
                         defaults::TIMEOUT_S))]
    pub(crate) timeout: Option<u64>,
    /// Scripted arms instead of real ones: a JSON file, arm name to script
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) mock: Option<PathBuf>,
}

/// The limits.
#[derive(Debug, Clone, Args)]
pub(crate) struct GateArgs {
    #[arg(long, value_name = "DROP",
          help = format!("Largest allowed drop of the metric that is judged (the dataset's first, else accuracy or \
                          Spearman's correlation), absolute [default: the model's, else {}]",
                         defaults::MAX_ACCURACY_DROP))]
    pub(crate) max_accuracy_drop: Option<f64>,
    #[arg(long, value_name = "RATIO",
          help = format!("Smallest allowed speedup [default: {}]", defaults::MIN_SPEEDUP))]
    pub(crate) min_speedup: Option<f64>,
    #[arg(long, value_enum,
          help = format!("Where a speed verdict may be given [default: {}]", SpeedOnArg::word(defaults::SPEED_ON)))]
    pub(crate) speed_on: Option<SpeedOnArg>,
    /// Target size of the artefact in MB (10^6 bytes) [default: the model's, else computed from the recipe]
    #[arg(long, value_name = "MB")]
    pub(crate) target_size_mb: Option<f64>,
    #[arg(long, value_name = "SHARE",
          help = format!("Allowed relative deviation from the target size [default: {}]", defaults::SIZE_TOLERANCE))]
    pub(crate) size_tolerance: Option<f64>,
    /// Count inconclusive and not judged as failures
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Where a speed verdict may be given.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SpeedOnArg {
    /// On an accelerator of a machine that is not virtual
    Accelerator,
    /// Anywhere
    Any,
}

impl SpeedOnArg {
    fn word(place: SpeedOn) -> &'static str {
        match place {
            SpeedOn::Accelerator => "accelerator",
            SpeedOn::Any => "any",
        }
    }
}
