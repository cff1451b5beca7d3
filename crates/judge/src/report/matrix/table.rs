//! The matrix on a terminal: plain text, no colour.

use super::{Matrix, view};
use crate::report::view::plain;

/// The verdicts, a line per candidate, the notes, and the verdict of all.
pub fn render(matrix: &Matrix) -> String {
    let header = [String::new()].into_iter().chain(matrix.datasets.iter().cloned()).collect();
    let verdicts = view::verdicts(matrix).into_iter().map(|(model, cells)| [vec![model], cells].concat());
    let mut text = grid([header].into_iter().chain(verdicts).collect());
    let header = view::HEADER.map(str::to_owned).to_vec();
    text += &format!("\n{}\n", grid([header].into_iter().chain(view::rows(matrix)).collect()));
    view::notes(matrix).iter().for_each(|note| text += &format!("note: {}\n", plain(note)));
    text + &format!("verdict  {}\n", matrix.verdict.words())
}

/// Columns padded to their widest cell.
fn grid(lines: Vec<Vec<String>>) -> String {
    let lines: Vec<Vec<String>> =
        lines.into_iter().map(|line| line.iter().map(|cell| plain(cell)).collect()).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let length = |line: &Vec<String>, column: usize| line.get(column).map_or(0, |cell| cell.chars().count());
    let widest = |column| lines.iter().map(|line| length(line, column)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let join = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(join).collect()
}
