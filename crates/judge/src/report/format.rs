//! The formats of a report, and the files they go to.

use super::{Exporter, Report, ReportError, csv::Csv, json::Json, junit::Junit, markdown::Markdown};
use crate::record::RunRecord;

/// A format that a report can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `report.json`, for programs.
    Json,
    /// `report.csv`, one row per arm.
    Csv,
    /// `report.md`, for people.
    Markdown,
    /// `junit.xml`, for CI.
    Junit,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Json, Self::Csv, Self::Markdown, Self::Junit];

    /// The name of its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Json => "report.json",
            Self::Csv => "report.csv",
            Self::Markdown => "report.md",
            Self::Junit => "junit.xml",
        }
    }

    /// The name of the file that holds the matrix of many cells.
    pub fn matrix_file_name(self) -> &'static str {
        match self {
            Self::Json => "matrix.json",
            Self::Csv => "matrix.csv",
            Self::Markdown => "matrix.md",
            Self::Junit => "matrix-junit.xml",
        }
    }

    /// What writes it.
    pub fn exporter(self) -> &'static dyn Exporter {
        match self {
            Self::Json => &Json,
            Self::Csv => &Csv,
            Self::Markdown => &Markdown,
            Self::Junit => &Junit,
        }
    }
}

/// Writes a report in every format: file names and bytes.
pub fn render(report: &Report) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let file = |format: Format| Ok((format.file_name(), format.exporter().serialize(report)?));
    Format::ALL.into_iter().map(file).collect()
}

/// Analyses a record, judges it by its own policy, and writes the report in every format.
pub fn render_all(record: &RunRecord) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    render(&Report::new(record, &record.policy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn files_have_names_of_their_own() {
        let files = render_all(&fixture::record()).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["report.json", "report.csv", "report.md", "junit.xml"]);
    }

    #[test]
    fn bytes_depend_on_the_record_alone() {
        assert_eq!(render_all(&fixture::record()).unwrap(), render_all(&fixture::record()).unwrap());
    }

    #[test]
    fn nothing_is_not_a_number() {
        let mut no_arms = fixture::record();
        no_arms.arms.clear();
        let one = fixture::shortened(fixture::record(), 1);
        let similar = fixture::shortened(fixture::similarity(), 1);
        for record in [fixture::empty(), fixture::killed(0), fixture::killed(2), no_arms, one, similar] {
            for (name, bytes) in render_all(&record).unwrap() {
                let text = String::from_utf8(bytes).unwrap();
                let is_odd = |word: &str| ["NaN", "nan", "inf", "-inf"].contains(&word);
                let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
                assert_eq!(words.filter(|word| is_odd(word)).count(), 0, "{name}: {text}");
            }
        }
    }
}
