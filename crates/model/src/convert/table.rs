//! A plan as a table for people.

use std::fmt::{Display, Formatter, Result};

use gatecheck_base::text::{megabytes, thousands};

use super::{Action, Plan, PlannedTensor};

/// Tensors of all layers that are treated alike.
struct Row {
    name: String,
    shape: Vec<usize>,
    treatment: String,
    reason: String,
    count: u64,
    source_bytes: u64,
    target_bytes: u64,
}

impl Display for Plan {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let rows = rows(&self.tensors);
        let lines: Vec<_> = rows.iter().map(cells).collect();
        let head = ["tensor", "count", "shape", "stored as", "bytes before", "after"].map(str::to_owned);
        let width = |column: usize| {
            let cells = lines.iter().chain([&head]).map(|cells| cells[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        line(formatter, &head, &widths, "why not quantized")?;
        for (cells, row) in lines.iter().zip(&rows) {
            line(formatter, cells, &widths, &row.reason)?;
        }
        for (name, reason) in &self.ignored {
            writeln!(formatter, "{name}  left out: {reason}")?;
        }
        totals(self, formatter)
    }
}

fn line(formatter: &mut Formatter<'_>, cells: &[String; 6], widths: &[usize; 6], reason: &str) -> Result {
    let [tensor, count, shape, stored, before, after] = cells;
    let [a, b, c, d, e, f] = *widths;
    let text =
        format!("{tensor:a$}  {count:>b$}  {shape:c$}  {stored:d$}  {before:>e$}  {after:>f$}  {reason}");
    writeln!(formatter, "{}", text.trim_end())
}

fn cells(row: &Row) -> [String; 6] {
    let shape: Vec<_> = row.shape.iter().map(usize::to_string).collect();
    [
        row.name.clone(),
        row.count.to_string(),
        shape.join("×"),
        row.treatment.clone(),
        thousands(row.source_bytes),
        thousands(row.target_bytes),
    ]
}

fn rows(tensors: &[PlannedTensor]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for tensor in tensors {
        let name = without_numbers(&tensor.name);
        let treatment = treatment(tensor.action);
        let reason = tensor.reason.clone().unwrap_or_default();
        let alike = |row: &&mut Row| {
            row.name == name
                && row.shape == tensor.shape
                && row.treatment == treatment
                && row.reason == reason
        };
        let (source_bytes, target_bytes) = (tensor.source_bytes(), tensor.target_bytes());
        match rows.iter_mut().find(alike) {
            Some(row) => {
                row.count += 1;
                row.source_bytes += source_bytes;
                row.target_bytes += target_bytes;
            }
            None => {
                let shape = tensor.shape.clone();
                rows.push(Row { name, shape, treatment, reason, count: 1, source_bytes, target_bytes });
            }
        }
    }
    rows
}

fn without_numbers(name: &str) -> String {
    let numeric = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = name.split('.').map(|part| if numeric(&part) { "*" } else { part }).collect();
    parts.join(".")
}

fn treatment(action: Action) -> String {
    match action {
        Action::Store { dtype } => dtype.name().to_owned(),
        Action::Quantize { affine, dtype } => {
            format!("{} bits, groups of {}, {}", affine.bits(), affine.group_size(), dtype.name())
        }
    }
}

fn totals(plan: &Plan, formatter: &mut Formatter<'_>) -> Result {
    let weights: u64 = plan.tensors.iter().map(PlannedTensor::target_bytes).sum();
    let size = plan.size_bytes();
    writeln!(
        formatter,
        "weights: {:.2} MB before, {:.2} MB after; headers, configuration and tokenizer: {:.2} MB",
        megabytes(plan.source_bytes()),
        megabytes(weights),
        megabytes(size - weights),
    )?;
    let files = plan.shards().len();
    let files = if files == 1 { "one weight file".to_owned() } else { format!("{files} weight files") };
    writeln!(formatter, "artefact: {:.2} MB ({} bytes), {files}", megabytes(size), thousands(size))
}
