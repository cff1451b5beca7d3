//! A labelled split: what is right for each row, and the way to its texts.

use gatecheck_judge::task::{Metric, Task};

use super::{DatasetError, Example, Gold, source::Source};

/// A labelled split in the order of its files. Labels are held, texts are read when they are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name as given or configured.
    pub name: String,
    /// Split, such as `validation_matched`.
    pub split: String,
    /// File or Hub id the rows came from.
    pub source: String,
    /// Commit on the Hub, when it came from there.
    pub revision: Option<String>,
    /// SHA-256 of the file; of several files, of their checksums one after the other.
    pub sha256: String,
    /// What is asked.
    pub task: Task,
    /// The metrics asked for, the first of which is judged; empty for those of the task.
    pub metrics: Vec<Metric>,
    /// The right answers of the rows that have one.
    pub golds: Vec<Gold>,
    /// Class names, in the order that [`Gold::Label`] counts; empty for scores.
    pub label_names: Vec<String>,
    /// For every row left out because its label was -1, null or empty: how many that count came before it.
    pub(super) dropped: Vec<u32>,
    /// The texts of the same rows, and of those that were left out by [`super::keep`].
    pub(super) texts: Texts,
    /// For every labelled row of the files whether it is still of this dataset; all are if absent.
    pub(super) kept: Option<Vec<bool>>,
}

/// Where texts are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Texts {
    /// Here.
    Memory(Vec<(String, Option<String>)>),
    /// In files, one after the other.
    Files(Vec<Source>),
}

impl Dataset {
    /// A dataset of examples that no file holds.
    pub fn in_memory(name: &str, task: Task, label_names: Vec<String>, examples: Vec<Example>) -> Self {
        let golds = examples.iter().map(|example| example.gold).collect();
        let texts = examples.into_iter().map(|example| (example.text, example.pair)).collect();
        Self {
            name: name.to_owned(),
            split: "all".to_owned(),
            source: "memory".to_owned(),
            revision: None,
            sha256: String::new(),
            task,
            metrics: Vec::new(),
            golds,
            label_names,
            dropped: Vec::new(),
            texts: Texts::Memory(texts),
            kept: None,
        }
    }

    /// Rows left out because their label was -1, null or empty.
    pub fn dropped_without_label(&self) -> u64 {
        self.dropped.len() as u64
    }

    /// Whether any row has two texts.
    pub fn has_pairs(&self) -> bool {
        match &self.texts {
            Texts::Memory(texts) => texts.iter().any(|(_, pair)| pair.is_some()),
            Texts::Files(files) => files.iter().any(Source::has_pairs),
        }
    }

    /// Hands all examples to `on_examples` in order, at most `rows` at a time.
    pub fn each<E: From<DatasetError>>(
        &self,
        rows: usize,
        mut on_examples: impl FnMut(&[Example]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut held, mut golds) = (Vec::with_capacity(rows), self.golds.iter());
        // A reader of files knows no errors but its own.
        let mut failed = None;
        let mut row = 0;
        self.each_text(&mut |text, pair| {
            let is_kept = self.kept.as_ref().is_none_or(|kept| kept.get(row).copied().unwrap_or(false));
            row += 1;
            if !is_kept {
                return true;
            }
            let Some(gold) = golds.next() else { return false };
            held.push(Example { text, pair, gold: *gold });
            if held.len() >= rows {
                failed = on_examples(&held).err();
                held.clear();
            }
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if golds.next().is_some() {
            return Err(DatasetError::Changed { name: self.name.clone() }.into());
        }
        if held.is_empty() { Ok(()) } else { on_examples(&held) }
    }

    fn each_text(&self, on_text: &mut dyn FnMut(String, Option<String>) -> bool) -> Result<(), DatasetError> {
        match &self.texts {
            Texts::Memory(texts) => {
                texts.iter().all(|(text, pair)| on_text(text.clone(), pair.clone()));
                Ok(())
            }
            Texts::Files(files) => files.iter().try_for_each(|file| file.each(on_text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset() -> Dataset {
        let example = |i| Example { text: format!("{i}"), pair: None, gold: Gold::Label(i) };
        Dataset::in_memory("d", Task::Classification, vec!["a".into()], (0..5).map(example).collect())
    }

    #[test]
    fn examples_come_some_at_a_time() {
        let mut seen = Vec::new();
        let each = |some: &[Example]| {
            seen.push(some.iter().map(|example| example.gold).collect::<Vec<_>>());
            Ok::<_, DatasetError>(())
        };
        dataset().each(2, each).unwrap();
        let labels = |list: &[usize]| list.iter().map(|label| Gold::Label(*label)).collect::<Vec<_>>();
        assert_eq!(seen, [labels(&[0, 1]), labels(&[2, 3]), labels(&[4])]);
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut calls = 0;
        let each = |_: &[Example]| {
            calls += 1;
            Err(DatasetError::NoFiles { name: String::new() })
        };
        assert!(matches!(dataset().each(2, each), Err(DatasetError::NoFiles { .. })));
        assert_eq!(calls, 1);
    }

    #[test]
    fn texts_that_have_gone_are_missed() {
        let mut dataset = dataset();
        dataset.golds.push(Gold::Label(0));
        let error = dataset.each(9, |_| Ok::<_, DatasetError>(())).unwrap_err();
        assert_eq!(error.to_string(), "the files of dataset `d` changed while they were read");
        assert_eq!(error.kind(), gatecheck_base::kind::ErrorKind::Disk);
    }
}
