//! What can be wrong with a dataset's files.

use std::path::PathBuf;

use gatecheck_base::{fs::FileError, kind::ErrorKind, text};

/// Why a dataset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The extension is none of those known.
    #[error("`{}` is no dataset file that gatecheck can read", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// No files were given.
    #[error("dataset `{name}` has no files")]
    NoFiles {
        /// The dataset.
        name: String,
    },
    /// Files that are not what they were a moment ago.
    #[error("the files of dataset `{name}` changed while they were read")]
    Changed {
        /// The dataset.
        name: String,
    },
    /// The file has no content or no rows.
    #[error("`{}` has no rows", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not text.
    #[error("`{}` is not UTF-8 at line {line}", .path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// A line cannot be understood.
    #[error("line {line} of `{}` is malformed: {detail}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// The reader gave up and no single line is to blame.
    #[error("failed to parse `{}`", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A named column does not exist.
    #[error("`{}` has no column `{column}`; its columns are {}", .path.display(), text::list(.columns, 20))]
    Column {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// No column looks like the one needed.
    #[error("cannot tell which column of `{}` is the {role}; its columns are {}", .path.display(), text::list(.columns, 20))]
    Infer {
        /// The file.
        path: PathBuf,
        /// `text` or `label`.
        role: &'static str,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// A text is missing.
    #[error("row {row} of `{}` has no text in column `{column}`", .path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// Row, counted from 1.
        row: usize,
        /// The column.
        column: String,
    },
    /// A value has the wrong type.
    #[error("row {row} of `{}` has {found} in column `{column}`, not {wanted}", .path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// Row, counted from 1.
        row: usize,
        /// The column.
        column: String,
        /// What is there.
        found: String,
        /// What should be.
        wanted: &'static str,
    },
    /// A label is none of those known.
    #[error("row {row} of `{}` has the unknown label `{label}`; known are {}", .path.display(), text::list(.known, 20))]
    Label {
        /// The file.
        path: PathBuf,
        /// Row, counted from 1.
        row: usize,
        /// The label as written.
        label: String,
        /// The names known.
        known: Vec<String>,
    },
    /// Every row lacks a label.
    #[error("none of the {dropped} rows of dataset `{name}`, split `{split}`, carries a label")]
    Unlabelled {
        /// The dataset.
        name: String,
        /// The split.
        split: String,
        /// Rows left out.
        dropped: u64,
    },
}

impl DatasetError {
    /// The way out, to be printed after the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Format { .. } => {
                Some("use a file that ends in `.jsonl`, `.csv`, `.tsv` or `.parquet`".into())
            }
            Self::Encoding { .. } => Some("convert the file first, with `iconv -t utf-8`".into()),
            Self::Column { column, columns, .. } => {
                let nearest = text::nearest(column, columns.iter().map(String::as_str))?;
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::Infer { .. } => {
                Some("name them in the dataset's entry, under `columns: {text: …, pair: …, label: …}`".into())
            }
            Self::NoText { .. } => Some("remove the row or give it a text".into()),
            Self::Label { label, known, .. } => {
                let nearest = text::nearest(label, known.iter().map(String::as_str));
                Some(nearest.map_or_else(
                    || "add it to `label_names` of the dataset's entry".into(),
                    |nearest| format!("did you mean `{nearest}`?"),
                ))
            }
            Self::Unlabelled { .. } => {
                Some("the labels of many test splits are kept secret; choose a validation split".into())
            }
            Self::File(_)
            | Self::NoFiles { .. }
            | Self::Empty { .. }
            | Self::Line { .. }
            | Self::Parse { .. }
            | Self::Changed { .. }
            | Self::Type { .. } => None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File(error) => error.kind(ErrorKind::Usage),
            Self::Changed { .. } => ErrorKind::Disk,
            Self::Format { .. }
            | Self::NoFiles { .. }
            | Self::Empty { .. }
            | Self::Encoding { .. }
            | Self::Line { .. }
            | Self::Parse { .. }
            | Self::Column { .. }
            | Self::Infer { .. }
            | Self::NoText { .. }
            | Self::Type { .. }
            | Self::Label { .. }
            | Self::Unlabelled { .. } => ErrorKind::Usage,
        }
    }
}
