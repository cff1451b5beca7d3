//! A part of a dataset.

use super::Dataset;

/// Keeps the first `count` labelled rows; a count beyond the end keeps all.
///
/// First rather than random: two runs with the same limit see the same rows without a seed. A file
/// sorted by label is a bad match for a limit.
pub fn limit(dataset: &mut Dataset, count: usize) {
    dataset.examples.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatecheck_judge::task::Task;

    use crate::dataset::{Example, Gold};

    fn dataset() -> Dataset {
        let example = |i| Example { text: format!("{i}"), pair: None, gold: Gold::Label(0) };
        Dataset {
            name: "d".into(),
            split: "test".into(),
            source: "d.csv".into(),
            revision: None,
            sha256: String::new(),
            task: Task::Classification,
            metrics: Vec::new(),
            examples: (0..5).map(example).collect(),
            label_names: vec!["a".into()],
            dropped_without_label: 0,
        }
    }

    #[test]
    fn the_first_rows_stay() {
        let mut few = dataset();
        limit(&mut few, 2);
        assert_eq!(few.examples.iter().map(|e| e.text.as_str()).collect::<Vec<_>>(), ["0", "1"]);
    }

    #[test]
    fn a_limit_beyond_the_end_keeps_all() {
        let mut all = dataset();
        limit(&mut all, 50);
        assert_eq!(all, dataset());
    }
}
