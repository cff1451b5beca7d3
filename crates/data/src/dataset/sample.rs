//! A part of a dataset.

use super::Dataset;

/// Keeps the first `count` labelled rows, as if the files ended there; a count beyond the end keeps all.
///
/// First rather than random: two runs with the same limit see the same rows without a seed. A file
/// sorted by label is a bad match for a limit.
pub fn limit(dataset: &mut Dataset, count: usize) {
    dataset.golds.truncate(count);
    dataset.dropped.retain(|before| (*before as usize) < count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatecheck_judge::task::Task;

    use crate::dataset::{DatasetError, Example, Gold};

    fn dataset() -> Dataset {
        let example = |i| Example { text: format!("{i}"), pair: None, gold: Gold::Label(0) };
        Dataset::in_memory("d", Task::Classification, vec!["a".into()], (0..5).map(example).collect())
    }

    fn texts(dataset: &Dataset) -> String {
        let mut texts = String::new();
        let each = |some: &[Example]| {
            some.iter().for_each(|example| texts.push_str(&example.text));
            Ok::<_, DatasetError>(())
        };
        dataset.each(3, each).unwrap();
        texts
    }

    #[test]
    fn the_first_rows_stay() {
        let mut few = dataset();
        limit(&mut few, 2);
        assert_eq!(texts(&few), "01");
    }

    #[test]
    fn rows_left_out_beyond_the_limit_are_not_counted() {
        let dropped = |count| {
            let mut few = Dataset { dropped: vec![0, 2, 2, 5], ..dataset() };
            limit(&mut few, count);
            few.dropped_without_label()
        };
        assert_eq!([1, 2, 3, 5, 6].map(dropped), [1, 1, 3, 3, 4]);
    }

    #[test]
    fn a_limit_beyond_the_end_keeps_all() {
        let mut all = dataset();
        limit(&mut all, 50);
        assert_eq!((texts(&all).as_str(), all.golds.len()), ("01234", 5));
    }
}
