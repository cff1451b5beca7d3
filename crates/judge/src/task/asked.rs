//! The tasks.

use gatecheck_base::text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::Metric;

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Which of several classes a text or pair belongs to; outputs are logits, one per class of the model.
    Classification,
    /// How alike two texts are, against a gold score; the output is the cosine of their embeddings.
    Similarity,
    /// Which candidate label fits a text, asked of a model of natural-language inference; outputs are one
    /// number per candidate.
    ZeroShot,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 3] = [Self::Classification, Self::Similarity, Self::ZeroShot];

    /// The task that a user's word means.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.own_words().contains(&word))
    }

    /// The words for tasks.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().flat_map(Self::own_words).copied()
    }

    /// The word for it that users see.
    pub fn word(self) -> &'static str {
        self.own_words()[0]
    }

    /// What users call it, the word that they see first.
    fn own_words(self) -> &'static [&'static str] {
        match self {
            // Inference is a classification whose labels may fold.
            Self::Classification => {
                &["text-classification", "natural-language-inference", "nli", "classification"]
            }
            Self::Similarity => &["sentence-similarity", "similarity"],
            Self::ZeroShot => &["zero-shot-classification"],
        }
    }

    /// The quality metric that is judged unless another is asked for.
    pub fn judged(self) -> Metric {
        match self {
            Self::Classification | Self::ZeroShot => Metric::Accuracy,
            Self::Similarity => Metric::Spearman,
        }
    }

    /// Its quality metrics, as shown unless others are asked for, the judged one first.
    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Classification | Self::ZeroShot => {
                &[Metric::Accuracy, Metric::MacroF1, Metric::Mcc, Metric::Recall]
            }
            Self::Similarity => &[Metric::Spearman, Metric::Pearson],
        }
    }

    /// Whether the gold is one of several classes, and not a score.
    pub fn has_classes(self) -> bool {
        match self {
            Self::Classification | Self::ZeroShot => true,
            Self::Similarity => false,
        }
    }

    /// Fewer examples than this say little about quality.
    pub fn fewest_examples(self) -> usize {
        match self {
            Self::Classification | Self::ZeroShot => 100,
            Self::Similarity => 50,
        }
    }

    /// The metrics that a user's words mean, the first of which is judged.
    pub fn chosen(self, words: &[String]) -> Result<Vec<Metric>, MetricError> {
        let mut chosen = Vec::new();
        for word in words {
            let metric = self.metric(word)?;
            if !metric.is_single() && chosen.is_empty() {
                return Err(MetricError::NotSingle { word: word.clone(), known: self.known() });
            }
            if !chosen.contains(&metric) {
                chosen.push(metric);
            }
        }
        Ok(chosen)
    }

    fn metric(self, word: &str) -> Result<Metric, MetricError> {
        let (task, known) = (self.word(), self.known());
        let found = Metric::of_word(word).filter(|metric| Self::of(*metric).is_some());
        match found {
            Some(metric) if self.metrics().contains(&metric) => Ok(metric),
            Some(_) => Err(MetricError::OfAnotherTask { word: word.to_owned(), task, known }),
            None => {
                let own = self.metrics().iter().flat_map(|metric| metric.words());
                let meant = text::nearest(word, own).map(str::to_owned);
                Err(MetricError::Unknown { word: word.to_owned(), task, known, meant })
            }
        }
    }

    /// The first task that a quality metric belongs to.
    pub fn of(metric: Metric) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.metrics().contains(&metric))
    }

    fn known(self) -> String {
        let ids: Vec<&str> = self.metrics().iter().map(|metric| metric.id()).collect();
        text::list(&ids, ids.len())
    }
}

/// Why a word names no metric that a dataset can be measured by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// No metric is called so.
    #[error("`metrics` names `{word}`, which is not known; {task} has {known}")]
    Unknown {
        /// As written.
        word: String,
        /// The dataset's task.
        task: &'static str,
        /// Its metrics.
        known: String,
        /// The metric that was probably meant.
        meant: Option<String>,
    },
    /// Other tasks have it.
    #[error("`metrics` names `{word}`, which {task} does not have; it has {known}")]
    OfAnotherTask {
        /// As written.
        word: String,
        /// The dataset's task.
        task: &'static str,
        /// Its metrics.
        known: String,
    },
    /// The first metric is judged, which takes one number.
    #[error("`metrics` begins with `{word}`, which is one number for each class and cannot be judged")]
    NotSingle {
        /// As written.
        word: String,
        /// The metrics of the task.
        known: String,
    },
}

impl MetricError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { meant, .. } => meant.as_ref().map(|meant| format!("did you mean `{meant}`?")),
            Self::OfAnotherTask { .. } => None,
            Self::NotSingle { known, .. } => {
                Some(format!("the first is judged; begin with another of {known}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(task: Task, words: &[&str]) -> Result<Vec<Metric>, MetricError> {
        task.chosen(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn tasks_are_found_by_their_words() {
        for task in Task::ALL {
            assert_eq!(Task::of_word(task.word()), Some(task));
            assert!(task.metrics()[0] == task.judged() && task.judged().is_single());
        }
        assert!(Task::words().all(|word| Task::of_word(word).is_some()));
        assert_eq!((Task::of_word("nli"), Task::of_word("")), (Some(Task::Classification), None));
    }

    #[test]
    fn the_order_of_metrics_is_kept_and_twice_is_once() {
        let metrics = chosen(Task::Classification, &["f1", "accuracy", "macro_f1", "recall"]).unwrap();
        assert_eq!(metrics, [Metric::MacroF1, Metric::Accuracy, Metric::Recall]);
        assert_eq!(chosen(Task::Similarity, &[]).unwrap(), []);
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let error = chosen(Task::Classification, &["acuracy"]).unwrap_err();
        let expected = "`metrics` names `acuracy`, which is not known; text-classification has `accuracy`, `macro_f1`, \
                        `mcc` and `recall`";
        assert_eq!(
            (error.to_string().as_str(), error.hint().as_deref()),
            (expected, Some("did you mean `accuracy`?"))
        );
        let error = chosen(Task::ZeroShot, &["accuracy", "pearson"]).unwrap_err().to_string();
        assert!(error.contains("which zero-shot-classification does not have"), "{error}");
        let error = chosen(Task::Similarity, &["qpm"]).unwrap_err().to_string();
        assert!(error.ends_with("sentence-similarity has `spearman` and `pearson`"), "{error}");
        let error = chosen(Task::Classification, &["recall"]).unwrap_err();
        assert!(error.to_string().contains("one number for each class") && error.hint().is_some());
    }
}
