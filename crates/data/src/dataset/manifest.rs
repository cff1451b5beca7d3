//! What a caller says about a dataset before its files are opened.

use std::collections::HashSet;

use gatecheck_judge::task::{Metric, Task};
use serde::{Deserialize, Serialize};

/// Which rows to read and what they mean. Everything left `None` is inferred from the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetSpec {
    /// Name for messages and reports.
    pub name: String,
    /// Split, such as `validation_matched`.
    pub split: String,
    /// File or Hub id, for the record.
    pub source: String,
    /// Commit on the Hub, for the record.
    pub revision: Option<String>,
    /// What is asked; inferred from the label column when absent.
    pub task: Option<Task>,
    /// The metrics asked for, the first of which is judged; empty for those of the task.
    pub metrics: Vec<Metric>,
    /// Column names.
    pub columns: Columns,
    /// The classes.
    pub labels: LabelNames,
}

/// Names of the columns that matter; others are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The text, or the first of two.
    pub text: Option<String>,
    /// The second text of a pair.
    pub pair: Option<String>,
    /// The label or score.
    pub label: Option<String>,
}

/// The classes of a dataset and how its files write them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabelNames {
    /// Not told: text labels name themselves, numbers stay nameless.
    #[default]
    Unknown,
    /// Names in order; files write the name or its position, counted from 0.
    Ordered(Vec<String>),
    /// What files write, and the name it stands for.
    Written(Vec<(String, String)>),
}

impl LabelNames {
    /// The names, in the order that labels count.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Unknown => Vec::new(),
            Self::Ordered(names) => names.clone(),
            Self::Written(pairs) => {
                let mut seen = HashSet::new();
                pairs.iter().map(|(_, name)| name).filter(|name| seen.insert(*name)).cloned().collect()
            }
        }
    }
}
