//! The metrics: what each is called, in which unit, which way is better, and how two arms are compared by it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A metric of an arm. In JSON it is its id, which is also its column of `report.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of examples answered rightly.
    Accuracy,
    /// Mean F1 over the classes.
    MacroF1,
    /// Matthews' correlation.
    Mcc,
    /// Share found of each gold class.
    Recall,
    /// Pearson's correlation of the scores with the gold.
    Pearson,
    /// Spearman's correlation of the scores with the gold.
    Spearman,
    /// Queries per minute: examples / seconds × 60 in the throughput phase.
    Qpm,
    /// Real tokens per second in the throughput phase.
    TokensPerSecond,
    /// The same with the padding counted.
    PaddedTokensPerSecond,
    /// Mean time from question to answer.
    LatencyMeanMs,
    /// Median of it.
    LatencyP50Ms,
    /// 95 % of the queries took no longer.
    LatencyP95Ms,
    /// 99 % of the queries took no longer.
    LatencyP99Ms,
    /// The longest query.
    LatencyMaxMs,
    /// Mean resident memory after every block of work.
    MemoryAverageMb,
    /// Highest resident memory, as the operating system counts it.
    MemoryPeakMb,
    /// Resident memory right after loading.
    MemoryAfterLoadMb,
    /// Highest of the backend's own allocator.
    MemoryBackendPeakMb,
    /// Size on disk of the files needed to run the arm.
    SizeMb,
}

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Between 0 and 1.
    Share,
    /// Between −1 and 1.
    Correlation,
    /// Per minute.
    PerMinute,
    /// Per second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// 10^6 bytes.
    Megabytes,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is better.
    HigherIsBetter,
    /// Less is better.
    LowerIsBetter,
}

/// How two arms are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// By the drop: baseline − candidate.
    ByDifference,
    /// By how many times better the candidate is.
    ByRatio,
}

/// The line of a metric in the table below.
struct Facts {
    id: &'static str,
    name: &'static str,
    unit: Unit,
    /// What else users call it.
    aliases: &'static [&'static str],
}

impl Metric {
    /// Every metric, quality first.
    pub const ALL: [Self; 19] = [
        Self::Accuracy,
        Self::MacroF1,
        Self::Mcc,
        Self::Recall,
        Self::Pearson,
        Self::Spearman,
        Self::Qpm,
        Self::TokensPerSecond,
        Self::PaddedTokensPerSecond,
        Self::LatencyMeanMs,
        Self::LatencyP50Ms,
        Self::LatencyP95Ms,
        Self::LatencyP99Ms,
        Self::LatencyMaxMs,
        Self::MemoryAverageMb,
        Self::MemoryPeakMb,
        Self::MemoryAfterLoadMb,
        Self::MemoryBackendPeakMb,
        Self::SizeMb,
    ];

    /// What programs call it.
    pub fn id(self) -> &'static str {
        self.facts().id
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        self.facts().unit
    }

    /// Which way is better.
    pub fn direction(self) -> Direction {
        match self.unit() {
            Unit::Share | Unit::Correlation | Unit::PerMinute | Unit::PerSecond => Direction::HigherIsBetter,
            Unit::Milliseconds | Unit::Megabytes => Direction::LowerIsBetter,
        }
    }

    /// How two arms are compared by it.
    pub fn compared(self) -> Compared {
        match self.unit() {
            Unit::Share | Unit::Correlation => Compared::ByDifference,
            Unit::PerMinute | Unit::PerSecond | Unit::Milliseconds | Unit::Megabytes => Compared::ByRatio,
        }
    }

    /// Whether it is one number for an arm, so that a gate can judge it; recall is one for each class.
    pub fn is_single(self) -> bool {
        self != Self::Recall
    }

    /// The percentile that it is, such as 99.
    pub fn percentile(self) -> Option<f64> {
        match self {
            Self::LatencyP50Ms => Some(50.0),
            Self::LatencyP95Ms => Some(95.0),
            Self::LatencyP99Ms => Some(99.0),
            _ => None,
        }
    }

    /// The metric that a user's word means, whatever its case and hyphens.
    pub fn of_word(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase().replace(['-', ' '], "_");
        Self::ALL.into_iter().find(|metric| metric.words().any(|known| known == word))
    }

    /// Its id and its aliases.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let Facts { id, aliases, .. } = self.facts();
        [id].into_iter().chain(aliases.iter().copied())
    }

    fn facts(self) -> Facts {
        let facts = |id, name, unit, aliases| Facts { id, name, unit, aliases };
        match self {
            Self::Accuracy => facts("accuracy", "accuracy", Unit::Share, &["acc", "accuracy_score"]),
            Self::MacroF1 => facts("macro_f1", "macro-F1", Unit::Share, &["f1", "f1_macro", "f1_score"]),
            Self::Mcc => {
                facts("mcc", "MCC", Unit::Correlation, &["matthews_correlation", "matthews_corrcoef"])
            }
            Self::Recall => facts("recall", "recall", Unit::Share, &[]),
            Self::Pearson => {
                facts("pearson", "Pearson", Unit::Correlation, &["pearsonr", "pearson_correlation"])
            }
            Self::Spearman => {
                facts("spearman", "Spearman", Unit::Correlation, &["spearmanr", "spearman_correlation"])
            }
            Self::Qpm => facts("qpm", "queries/min", Unit::PerMinute, &[]),
            Self::TokensPerSecond => facts("tokens_per_second", "tokens/s", Unit::PerSecond, &[]),
            Self::PaddedTokensPerSecond => {
                facts("padded_tokens_per_second", "padded tokens/s", Unit::PerSecond, &[])
            }
            Self::LatencyMeanMs => facts("latency_mean_ms", "latency mean (ms)", Unit::Milliseconds, &[]),
            Self::LatencyP50Ms => facts("latency_p50_ms", "latency p50 (ms)", Unit::Milliseconds, &[]),
            Self::LatencyP95Ms => facts("latency_p95_ms", "latency p95 (ms)", Unit::Milliseconds, &[]),
            Self::LatencyP99Ms => facts("latency_p99_ms", "latency p99 (ms)", Unit::Milliseconds, &[]),
            Self::LatencyMaxMs => facts("latency_max_ms", "latency max (ms)", Unit::Milliseconds, &[]),
            Self::MemoryAverageMb => facts("memory_average_mb", "memory average (MB)", Unit::Megabytes, &[]),
            Self::MemoryPeakMb => facts("memory_peak_mb", "memory peak (MB)", Unit::Megabytes, &[]),
            Self::MemoryAfterLoadMb => {
                facts("memory_after_load_mb", "memory after load (MB)", Unit::Megabytes, &[])
            }
            Self::MemoryBackendPeakMb => {
                facts("memory_backend_peak_mb", "backend's own peak (MB)", Unit::Megabytes, &[])
            }
            Self::SizeMb => facts("size_mb", "size (MB)", Unit::Megabytes, &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_those_of_json_and_words_are_no_ones_else() {
        let mut words = BTreeSet::new();
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.id());
            assert!(metric.words().all(|word| words.insert(word)), "{metric:?}");
        }
        assert_eq!(words.iter().filter(|word| Metric::of_word(word).is_none()).count(), 0);
    }

    #[test]
    fn words_are_read_as_users_write_them() {
        let read = ["Accuracy", "macro-F1", "f1", "matthews_correlation", "spearmanr", "bleu"];
        let expected = [
            Some(Metric::Accuracy),
            Some(Metric::MacroF1),
            Some(Metric::MacroF1),
            Some(Metric::Mcc),
            Some(Metric::Spearman),
            None,
        ];
        assert_eq!(read.map(Metric::of_word), expected);
    }

    #[test]
    fn quality_drops_and_performance_is_a_ratio() {
        for metric in Metric::ALL {
            let is_quality = metric <= Metric::Spearman;
            assert_eq!(metric.compared() == Compared::ByDifference, is_quality, "{metric:?}");
        }
        assert_eq!(Metric::SizeMb.direction(), Direction::LowerIsBetter);
        assert_eq!(Metric::Qpm.direction(), Direction::HigherIsBetter);
    }
}
