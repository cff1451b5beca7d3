//! A part of a dataset.

use gatecheck_base::fs::sha256;
use serde::{Deserialize, Serialize};

use super::{Dataset, DatasetError};

/// One of the two halves of a split: where something is chosen by the one, the other can judge the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Rows to choose by.
    Calibration,
    /// Rows that nothing was chosen by.
    Unseen,
}

impl Part {
    /// Its name, which stands in brackets behind that of the split.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calibration => "calibration",
            Self::Unseen => "unseen",
        }
    }

    /// The split and the part that a word such as `validation[unseen]` means.
    pub fn of_split(word: &str) -> (&str, Option<Self>) {
        let named = |part: Self| Some((word.strip_suffix(&format!("[{}]", part.name()))?, Some(part)));
        [Self::Calibration, Self::Unseen].into_iter().find_map(named).unwrap_or((word, None))
    }

    /// The half of a text. Rows of the same text, such as hypotheses about one premise, are of the same half, wherever they
    /// stand.
    fn of(text: &str) -> Self {
        let is_odd = sha256(text.as_bytes()).bytes().next().is_some_and(|digit| digit % 2 == 1);
        if is_odd { Self::Unseen } else { Self::Calibration }
    }
}

/// Keeps the rows of one half, by the checksum of their first text. The name of the split tells.
pub fn keep(dataset: &mut Dataset, part: Part) -> Result<(), DatasetError> {
    let mut kept = Vec::with_capacity(dataset.golds.len());
    dataset.each(1 << 12, |examples| {
        kept.extend(examples.iter().map(|example| Part::of(&example.text) == part));
        Ok::<_, DatasetError>(())
    })?;
    dataset.dropped = dropped(&dataset.dropped, &kept);
    let mut is_kept = kept.iter();
    dataset.golds.retain(|_| is_kept.next().copied().unwrap_or(false));
    dataset.split = format!("{}[{}]", dataset.split, part.name());
    dataset.kept = Some(kept);
    Ok(())
}

/// Keeps the first `count` labelled rows, as if the files ended there; a count beyond the end keeps all.
///
/// First rather than random: two runs with the same limit see the same rows without a seed. A file
/// sorted by label is a bad match for a limit.
pub fn limit(dataset: &mut Dataset, count: usize) {
    dataset.golds.truncate(count);
    dataset.dropped.retain(|before| (*before as usize) < count);
}

/// The rows without a label that a half has: each goes with the labelled row before it.
fn dropped(all: &[u32], kept: &[bool]) -> Vec<u32> {
    let counts = kept.iter().scan(0, |count, is_kept| {
        *count += u32::from(*is_kept);
        Some(*count)
    });
    // How many rows are kept before each row, and after the last.
    let before: Vec<u32> = std::iter::once(0).chain(counts).collect();
    let goes_along = |row: &&u32| kept.get((**row as usize).saturating_sub(1)).copied().unwrap_or(false);
    all.iter().filter(goes_along).filter_map(|row| before.get(*row as usize).copied()).collect()
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
    fn the_halves_are_all_of_it_and_share_no_text() {
        let example = |i| Example { text: format!("{}", i / 3), pair: None, gold: Gold::Label(i) };
        let names = (0..60).map(|i| format!("{i}")).collect();
        let all = Dataset::in_memory("d", Task::Classification, names, (0..60).map(example).collect());
        let all = Dataset { dropped: vec![0, 1, 7, 30, 30, 60], ..all };
        let [one, other] = [Part::Calibration, Part::Unseen].map(|part| {
            let mut half = all.clone();
            keep(&mut half, part).unwrap();
            half
        });
        assert_eq!((one.split.as_str(), other.split.as_str()), ("all[calibration]", "all[unseen]"));
        let rows = |half: &Dataset| {
            let mut rows = Vec::new();
            half.each(7, |some| {
                rows.extend_from_slice(some);
                Ok::<_, DatasetError>(())
            })
            .map(|()| rows)
            .unwrap()
        };
        let (left, right) = (rows(&one), rows(&other));
        assert!(left.len() > 15 && right.len() > 15 && left.len() + right.len() == 60);
        assert!(left.iter().all(|row| right.iter().all(|other| other.text != row.text)));
        assert!(left.iter().chain(&right).all(|row| {
            let Gold::Label(label) = row.gold else { unreachable!() };
            row.text == format!("{}", label / 3)
        }));
        let dropped = Dataset::dropped_without_label;
        assert_eq!(dropped(&one) + dropped(&other), 6);
        assert_eq!(super::dropped(&[0, 1, 2, 2, 4], &[true, false, true, true]), [0, 1, 3]);
        assert_eq!(super::dropped(&[0, 1, 2, 2, 4], &[false, true, false, false]), [1, 1]);
        let mut few = other.clone();
        limit(&mut few, 4);
        assert_eq!(rows(&few), right[..4]);
    }

    #[test]
    fn words_of_splits() {
        assert_eq!(Part::of_split("validation[unseen]"), ("validation", Some(Part::Unseen)));
        assert_eq!(Part::of_split("[calibration]"), ("", Some(Part::Calibration)));
        assert_eq!(Part::of_split("train[:10%]"), ("train[:10%]", None));
    }

    #[test]
    fn a_limit_beyond_the_end_keeps_all() {
        let mut all = dataset();
        limit(&mut all, 50);
        assert_eq!((texts(&all).as_str(), all.golds.len()), ("01234", 5));
    }
}
