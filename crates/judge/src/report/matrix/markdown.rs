//! `matrix.md`.

use super::{Matrix, view};
use crate::report::markdown::{escape, table};

pub(super) fn serialize(matrix: &Matrix) -> Vec<u8> {
    let (models, datasets) = (matrix.models.len(), matrix.datasets.len());
    let heading = format!(
        "# {models} models on {datasets} datasets: {}\n\nExit code {}, the gravest of {} cells.\n",
        matrix.verdict.words(),
        matrix.exit_code,
        matrix.cells.len()
    );
    let header: Vec<String> = [String::new()].into_iter().chain(matrix.datasets.iter().cloned()).collect();
    let verdicts = view::verdicts(matrix).into_iter().map(|(model, cells)| [vec![model], cells].concat());
    let cells = table(&view::HEADER.map(str::to_owned), view::rows(matrix).into_iter());
    let mut text = format!("{heading}\n## Verdicts\n\n{}\n## Cells\n\n{cells}", table(&header, verdicts));
    let notes: String = view::notes(matrix).iter().map(|note| format!("- {}\n", escape(note))).collect();
    if !notes.is_empty() {
        text += &format!("\n## Notes\n\n{notes}");
    }
    text.into_bytes()
}
