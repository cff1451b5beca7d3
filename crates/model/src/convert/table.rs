//! A conversion as a table for people.

use std::fmt::{Display, Formatter, Result};

use gatecheck_base::text::{megabytes, thousands};
use serde::{Deserialize, Serialize};

use super::{Action, Loss, Plan, PlannedTensor};

/// Tensors of all layers that are treated alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Their names, with `*` for the number of the layer.
    pub tensors: String,
    /// How many they are.
    pub count: u64,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// How they are stored.
    pub stored_as: String,
    /// Why they are not quantized, or not stored in the type of the recipe.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Bytes in the source.
    pub bytes_before: u64,
    /// Bytes in the artefact.
    pub bytes_after: u64,
    /// Root mean square of the errors by that of the weights; none before the conversion.
    #[serde(default)]
    pub relative_rms_error: Option<f64>,
    #[serde(skip)]
    loss: Option<Loss>,
}

impl Display for Plan {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(&table(&groups(self)))?;
        for (name, reason) in &self.ignored {
            writeln!(formatter, "{name}  left out: {reason}")?;
        }
        totals(self, formatter)
    }
}

/// A line for each group.
pub fn table(groups: &[Group]) -> String {
    let lines: Vec<_> = groups.iter().map(cells).collect();
    let head = ["tensor", "count", "shape", "stored as", "bytes before", "after", "error"].map(str::to_owned);
    let is_converted = groups.iter().any(|group| group.relative_rms_error.is_some());
    let width = |column: usize| {
        let cells = lines.iter().chain([&head]).map(|cells| cells[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut table = line(&head, &widths, is_converted, "why not quantized");
    for (cells, group) in lines.iter().zip(groups) {
        table.push_str(&line(cells, &widths, is_converted, &group.reason));
    }
    table
}

const COLUMNS: usize = 7;

fn line(cells: &[String; COLUMNS], widths: &[usize; COLUMNS], is_converted: bool, reason: &str) -> String {
    let [tensor, count, shape, stored, before, after, error] = cells;
    let [a, b, c, d, e, f, g] = *widths;
    let mut text = format!("{tensor:a$}  {count:>b$}  {shape:c$}  {stored:d$}  {before:>e$}  {after:>f$}  ");
    if is_converted {
        text.push_str(&format!("{error:>g$}  "));
    }
    format!("{}\n", format!("{text}{reason}").trim_end())
}

fn cells(group: &Group) -> [String; COLUMNS] {
    let shape: Vec<_> = group.shape.iter().map(usize::to_string).collect();
    [
        group.tensors.clone(),
        group.count.to_string(),
        shape.join("×"),
        group.stored_as.clone(),
        thousands(group.bytes_before),
        thousands(group.bytes_after),
        group.relative_rms_error.map(percent).unwrap_or_default(),
    ]
}

/// Two digits of a share; nothing lost is said as such.
fn percent(share: f64) -> String {
    match 100.0 * share {
        0.0 => "0".to_owned(),
        percent if percent < 0.001 => "< 0.001 %".to_owned(),
        percent if percent < 0.1 => format!("{percent:.3} %"),
        percent => format!("{percent:.2} %"),
    }
}

/// The tensors of a plan, those of all layers that are treated alike together.
pub(super) fn groups(plan: &Plan) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for tensor in &plan.tensors {
        let one = single(tensor);
        let alike = |group: &&mut Group| {
            group.tensors == one.tensors
                && group.shape == one.shape
                && group.stored_as == one.stored_as
                && group.reason == one.reason
        };
        match groups.iter_mut().find(alike) {
            Some(group) => {
                group.count += 1;
                group.bytes_before += one.bytes_before;
                group.bytes_after += one.bytes_after;
                group.loss = group.loss.zip(one.loss).map(|(sum, loss)| sum.and(loss));
            }
            None => groups.push(one),
        }
    }
    for group in &mut groups {
        group.relative_rms_error = group.loss.map(Loss::relative_rms);
    }
    groups
}

fn single(tensor: &PlannedTensor) -> Group {
    Group {
        tensors: without_numbers(&tensor.name),
        count: 1,
        shape: tensor.shape.clone(),
        stored_as: stored_as(tensor.action),
        reason: tensor.reason.clone().unwrap_or_default(),
        bytes_before: tensor.source_bytes(),
        bytes_after: tensor.target_bytes(),
        relative_rms_error: None,
        loss: tensor.loss,
    }
}

fn without_numbers(name: &str) -> String {
    let numeric = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = name.split('.').map(|part| if numeric(&part) { "*" } else { part }).collect();
    parts.join(".")
}

fn stored_as(action: Action) -> String {
    match action {
        Action::Store { dtype } => dtype.name().to_owned(),
        Action::Quantize { scheme, dtype } if scheme.has_biases() => format!("{scheme}, {}", dtype.name()),
        Action::Quantize { scheme, .. } => scheme.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_two_digits_or_say_that_they_are_small() {
        let told = [0.0, 0.000_009_9, 0.000_01, 0.000_999, 0.001, 0.123_45].map(percent);
        assert_eq!(told, ["0", "< 0.001 %", "0.001 %", "0.100 %", "0.10 %", "12.35 %"]);
    }
}
