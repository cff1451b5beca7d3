//! Label cells into gold answers.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use gatecheck_judge::task::Task;

use super::{DatasetError, DatasetSpec, Gold, cell::Cell, manifest::LabelNames};

/// A label, and the first row that has it.
#[derive(Debug)]
struct Row {
    path: PathBuf,
    column: String,
    /// Counted from 1.
    row: usize,
    label: Cell,
}

/// The labels of all rows. Each is kept once, with its rows as numbers, since most rows share theirs.
#[derive(Debug, Default)]
pub(super) struct Labels {
    different: Vec<Row>,
    known: HashMap<String, u32>,
    /// For every row with a label its position in `different`.
    rows: Vec<u32>,
    /// For every row without one how many came before it that have one.
    dropped: Vec<u32>,
}

impl Labels {
    /// Adds the label of a row; one without is only counted.
    pub(super) fn push(&mut self, path: &Path, column: &str, row: usize, label: Cell) {
        if is_missing(&label) {
            self.dropped.push(self.rows.len() as u32);
            return;
        }
        let position = *self.known.entry(format!("{label:?}")).or_insert_with(|| {
            self.different.push(Row { path: path.to_owned(), column: column.to_owned(), row, label });
            self.different.len() as u32 - 1
        });
        self.rows.push(position);
    }
}

/// What became of the labels.
pub(super) struct Labelled {
    pub(super) task: Task,
    pub(super) names: Vec<String>,
    pub(super) golds: Vec<Gold>,
    pub(super) dropped: Vec<u32>,
}

/// Understands the labels.
pub(super) fn resolve(spec: &DatasetSpec, labels: Labels) -> Result<Labelled, DatasetError> {
    let Labels { different, known: _, rows, dropped } = labels;
    if rows.is_empty() {
        let dropped = dropped.len() as u64;
        return Err(DatasetError::Unlabelled { name: spec.name.clone(), split: spec.split.clone(), dropped });
    }
    if let Some(row) = different.iter().find(|row| matches!(row.label, Cell::Other(_))) {
        return Err(wrong_type(row, "a label"));
    }
    let task = spec.task.unwrap_or_else(|| infer_task(spec, &different));
    let names = match &spec.labels {
        _ if !task.has_classes() => LabelNames::Unknown,
        LabelNames::Unknown => infer_names(&different),
        given => given.clone(),
    };
    let list = names.names();
    let classes = Classes::new(&names, &list);
    let golds = different.iter().map(|row| {
        Ok(if task.has_classes() { Gold::Label(classes.of(row)?) } else { Gold::Score(score(row)?) })
    });
    let golds = golds.collect::<Result<Vec<_>, DatasetError>>()?;
    let golds = rows.into_iter().map(|position| golds[position as usize]).collect();
    Ok(Labelled { task, names: list, golds, dropped })
}

/// The Hub writes -1 where a label is kept secret.
pub(super) fn is_missing(label: &Cell) -> bool {
    match label {
        Cell::Null => true,
        Cell::Text(text) => matches!(text.trim(), "" | "-1" | "-1.0" | "-"),
        Cell::Whole(number) => *number == -1,
        Cell::Real(number) => *number == -1.0,
        Cell::Other(_) => false,
    }
}

/// A number as the label cell writes it.
fn number(label: &Cell) -> Option<f64> {
    match label {
        Cell::Whole(number) => Some(*number as f64),
        Cell::Real(number) => Some(*number),
        Cell::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Cell::Null | Cell::Other(_) => None,
    }
}

/// A whole number however it is written. Reals of 2^53 and more stand for several.
fn whole(label: &Cell) -> Option<i128> {
    let exact = match label {
        Cell::Whole(number) => Some(*number),
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() < (1_u64 << 53) as f64;
    exact.or_else(|| number(label).filter(is_whole).map(|number| number as i128))
}

/// Scores are numbers of which at least one is not whole, in a dataset without class names.
fn infer_task(spec: &DatasetSpec, rows: &[Row]) -> Task {
    let numbers: Option<Vec<_>> = rows.iter().map(|row| number(&row.label)).collect();
    let fractional = numbers.is_some_and(|numbers| numbers.iter().any(|number| number.fract() != 0.0));
    if spec.labels == LabelNames::Unknown && fractional { Task::Similarity } else { Task::Classification }
}

/// Text labels are their own names, in alphabetical order; numbers are named by their digits, which
/// no model's class is called, so that nobody scores them in the wrong order.
fn infer_names(rows: &[Row]) -> LabelNames {
    if let Some(mut numbers) = rows.iter().map(|row| whole(&row.label)).collect::<Option<Vec<_>>>() {
        numbers.sort_unstable();
        numbers.dedup();
        return LabelNames::Written(numbers.iter().map(|n| (n.to_string(), n.to_string())).collect());
    }
    let mut names: Vec<String> = rows.iter().map(|row| written(&row.label)).collect();
    names.sort();
    // Written in two ways, a label is still one.
    names.dedup_by_key(|name| name.to_lowercase());
    names.sort_by_key(|name| name.to_lowercase());
    names.dedup_by_key(|name| name.to_lowercase());
    LabelNames::Ordered(names)
}

fn score(row: &Row) -> Result<f64, DatasetError> {
    number(&row.label).filter(|number| number.is_finite()).ok_or_else(|| wrong_type(row, "a score"))
}

fn wrong_type(row: &Row, wanted: &'static str) -> DatasetError {
    let found = match &row.label {
        Cell::Other(found) => found.clone(),
        label => format!("`{}`", written(label)),
    };
    DatasetError::Type { path: row.path.clone(), row: row.row, column: row.column.clone(), found, wanted }
}

/// Where a label is to be found, as a position in `names`. There may be as many classes as rows.
struct Classes<'a> {
    names: &'a [String],
    /// By the name in lower case.
    by_name: HashMap<String, usize>,
    /// By what files write, where that is told.
    written: Option<HashMap<&'a str, usize>>,
}

impl<'a> Classes<'a> {
    fn new(labels: &'a LabelNames, names: &'a [String]) -> Self {
        let mut by_name = HashMap::new();
        for (position, name) in names.iter().enumerate() {
            by_name.entry(name.to_lowercase()).or_insert(position);
        }
        let LabelNames::Written(pairs) = labels else { return Self { names, by_name, written: None } };
        let exact: HashMap<_, _> =
            names.iter().enumerate().map(|(position, name)| (name, position)).collect();
        let mut written = HashMap::new();
        for (text, name) in pairs {
            written.entry(text.as_str()).or_insert(exact[name]);
        }
        Self { names, by_name, written: Some(written) }
    }

    /// The class of one row.
    fn of(&self, row: &Row) -> Result<usize, DatasetError> {
        let text = written(&row.label);
        // As it stands first: a name may look like a number.
        let found = self.place(&text).or_else(|| self.place(&whole(&row.label)?.to_string()));
        found.ok_or_else(|| DatasetError::Label {
            path: row.path.clone(),
            row: row.row,
            label: text,
            known: self.names.to_vec(),
        })
    }

    fn place(&self, text: &str) -> Option<usize> {
        let by_name = || self.by_name.get(&text.to_lowercase()).copied();
        match &self.written {
            Some(written) => written.get(text).copied().or_else(by_name),
            None => by_name().or_else(|| text.parse().ok().filter(|position| *position < self.names.len())),
        }
    }
}

/// A label as it stands. pandas turns whole labels into floats when one is missing: in a file of text those
/// stand as `1.0`.
fn written(label: &Cell) -> String {
    match label {
        Cell::Text(text) => text.trim().to_owned(),
        Cell::Whole(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Null => String::new(),
        Cell::Other(found) => found.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NLI: [&str; 3] = ["entailment", "neutral", "contradiction"];

    fn run(spec: &DatasetSpec, labels: &[Cell]) -> Result<Labelled, DatasetError> {
        let mut all = Labels::default();
        for (position, label) in labels.iter().enumerate() {
            all.push(Path::new("d.jsonl"), "gold", position + 1, label.clone());
        }
        resolve(spec, all)
    }

    fn named() -> DatasetSpec {
        let names = NLI.iter().map(|name| (*name).to_owned()).collect();
        DatasetSpec { labels: LabelNames::Ordered(names), ..DatasetSpec::default() }
    }

    fn golds(labelled: &Labelled) -> Vec<usize> {
        let golds = labelled.golds.iter().map(|gold| match *gold {
            Gold::Label(class) => class,
            Gold::Score(score) => panic!("score {score}"),
        });
        golds.collect()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn numbers_names_and_gaps() {
        let cells = [
            Cell::Whole(2),
            Cell::Null,
            text("ENTAILMENT"),
            Cell::Whole(-1),
            text(""),
            text("1"),
            Cell::Real(2.0),
        ];
        let labelled = run(&named(), &cells).unwrap();
        assert_eq!(golds(&labelled), [2, 0, 1, 2]);
        assert_eq!((labelled.dropped, labelled.task), (vec![1, 2, 2], Task::Classification));
    }

    #[test]
    fn a_whole_number_counts_however_it_is_written() {
        for cells in [[text("1.0"), text(" 02")], [text("1"), Cell::Real(2.0)]] {
            assert_eq!(golds(&run(&named(), &cells).unwrap()), [1, 2]);
            let nameless = run(&DatasetSpec::default(), &cells).unwrap();
            assert_eq!(
                (nameless.names.as_slice(), golds(&nameless)),
                (&["1".into(), "2".into()][..], vec![0, 1])
            );
        }
        let names = LabelNames::Ordered(vec!["v2".into(), "1.0".into()]);
        let spec = DatasetSpec { labels: names, ..DatasetSpec::default() };
        assert_eq!(golds(&run(&spec, &[text("1.0"), text("0.0")]).unwrap()), [1, 0], "a name comes first");
        assert!(run(&named(), &[text("1.5")]).is_err());
    }

    #[test]
    fn lists_are_no_labels() {
        for task in [None, Some(Task::Similarity)] {
            let spec = DatasetSpec { task, ..DatasetSpec::default() };
            let list = Cell::Other("a value of type list".into());
            let error = run(&spec, &[text("a"), list]).err().unwrap();
            let expected = "row 2 of `d.jsonl` has a value of type list in column `gold`, not a label";
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn unknown_labels_name_row_and_value() {
        let error = run(&named(), &[Cell::Whole(0), text("nutral")]).err().unwrap();
        let expected = "row 2 of `d.jsonl` has the unknown label `nutral`; known are \
                        `entailment`, `neutral` and `contradiction`";
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.hint().unwrap(), "did you mean `neutral`?");
        for cell in [Cell::Whole(3), Cell::Whole(-2), Cell::Real(0.5)] {
            assert!(matches!(run(&named(), &[cell]), Err(DatasetError::Label { .. })));
        }
    }

    #[test]
    fn written_values_have_names() {
        let pairs = [("1", "World"), ("2", "Sports"), ("4", "World")];
        let pairs = pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
        let spec = DatasetSpec { labels: LabelNames::Written(pairs), ..DatasetSpec::default() };
        let labelled = run(&spec, &[Cell::Whole(2), Cell::Whole(4), text("world")]).unwrap();
        assert_eq!((golds(&labelled), labelled.names.len()), (vec![1, 0, 0], 2));
        assert!(run(&spec, &[Cell::Whole(0)]).is_err());
    }

    #[test]
    fn numbers_are_told_apart_however_large() {
        let most = u64::MAX.to_string();
        let cells = [Cell::Whole(0), Cell::Whole(u64::MAX.into()), Cell::Whole(i64::MAX.into()), text(&most)];
        let labelled = run(&DatasetSpec::default(), &cells).unwrap();
        assert_eq!(labelled.names, ["0", "9223372036854775807", "18446744073709551615"]);
        assert_eq!((golds(&labelled), labelled.dropped.len()), (vec![0, 2, 1, 2], 0));
        assert_eq!(
            run(&DatasetSpec::default(), &[Cell::Real(1e300), Cell::Real(1e301)]).unwrap().names.len(),
            2
        );
    }

    #[test]
    fn a_class_for_every_row() {
        let name = |number| format!("Name {number}");
        let cells: Vec<_> = (0..20_000).map(|number| text(&name(number))).collect();
        let pairs = (0..20_000).map(|number| (name(number), format!("class {number}"))).collect();
        for labels in [LabelNames::Unknown, LabelNames::Written(pairs)] {
            let start = std::time::Instant::now();
            let labelled = run(&DatasetSpec { labels, ..DatasetSpec::default() }, &cells).unwrap();
            assert_eq!(labelled.names.len(), 20_000);
            assert!(start.elapsed().as_millis() < 1500, "{:?}", start.elapsed());
        }
    }

    #[test]
    fn names_are_inferred_from_text() {
        let labelled = run(&DatasetSpec::default(), &[text("b"), text("A"), text("B"), text("a")]).unwrap();
        assert_eq!(labelled.names, ["A", "B"]);
        assert_eq!(golds(&labelled), [1, 0, 1, 0]);
        let numbers = run(&DatasetSpec::default(), &[Cell::Whole(1), Cell::Whole(0)]).unwrap();
        assert_eq!((numbers.names.as_slice(), golds(&numbers)), (&["0".into(), "1".into()][..], vec![1, 0]));
    }

    #[test]
    fn fractions_are_scores() {
        let labelled =
            run(&DatasetSpec::default(), &[Cell::Whole(5), text("2.5"), Cell::Real(-1.0)]).unwrap();
        assert_eq!((labelled.task, labelled.dropped), (Task::Similarity, vec![2]));
        assert_eq!(labelled.golds[1], Gold::Score(2.5));
        let spec = DatasetSpec { task: Some(Task::Similarity), ..DatasetSpec::default() };
        let error = run(&spec, &[Cell::Whole(5), text("high")]).err().unwrap();
        assert_eq!(error.to_string(), "row 2 of `d.jsonl` has `high` in column `gold`, not a score");
        assert!(run(&spec, &[text("inf")]).is_err());
    }

    #[test]
    fn a_split_without_labels_says_so() {
        let spec = DatasetSpec { name: "glue".into(), split: "test".into(), ..named() };
        let error = run(&spec, &[Cell::Whole(-1), Cell::Null]).err().unwrap();
        assert_eq!(error.to_string(), "none of the 2 rows of dataset `glue`, split `test`, carries a label");
        assert!(error.hint().unwrap().contains("validation"));
    }
}
