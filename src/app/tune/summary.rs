//! What came of a search, put together.

use gatecheck_judge::analysis::DriftMeasure;

use super::{
    bench::Bench,
    journal::{Measured, Rows},
    report::{FORMAT, GroupRow, RecipeRow, TUNED, Tuning, name_of},
    search::Found,
    space::{Group, Picks, Space},
};
use crate::app::version::VERSION;

/// What was measured on the unseen half.
pub(super) struct Unseen {
    /// How many examples it has.
    pub(super) examples: usize,
    /// The recipes, in order.
    pub(super) recipes: Vec<Picks>,
}

/// What came of a search.
pub(super) fn summary(bench: &Bench<'_>, found: &Found, unseen: &Unseen) -> Tuning {
    let (space, record) = (bench.space, bench.calibration.record());
    let row = |picks: &Picks, measured: &Measured| {
        let tuned = || (found.best.as_ref() == Some(picks)).then(|| TUNED.to_owned());
        RecipeRow {
            name: tuned().or_else(|| name_of(space, picks)).unwrap_or_default(),
            bits: space.bits(picks),
            bits_per_weight: space.bits_per_weight(picks),
            measured: measured.clone(),
        }
    };
    let judged = bench.journal.all(Rows::Calibration);
    let mut calibration: Vec<_> =
        judged.filter_map(|(bits, measured)| Some(row(&space.picks(bits)?, measured))).collect();
    calibration.sort_by_key(|row| row.measured.size_bytes);
    let on_unseen = |picks: &Picks| Some(row(picks, bench.journal.get(Rows::Unseen, &space.bits(picks))?));
    // What no group is about is of the same size in every recipe.
    let rest = calibration.first().map_or(0, |row| {
        let of_groups = space.picks(&row.bits).map_or(0, |picks| space.bytes(&picks));
        row.measured.size_bytes.saturating_sub(of_groups)
    });
    Tuning {
        format_version: FORMAT,
        tool_version: VERSION.to_owned(),
        model: record.model.name.clone(),
        model_sha256: record.model.sha256.clone(),
        dataset: record.dataset.name.clone(),
        dataset_sha256: record.dataset.sha256.clone(),
        metric: record.judged_metric().id().to_owned(),
        max_drop: record.policy.max_accuracy_drop,
        drift_measure: DriftMeasure::of(record),
        group_size: space.group_size(),
        examples_few: bench.few.len(),
        examples_calibration: record.gold.len(),
        examples_unseen: unseen.examples,
        options: space.options().to_vec(),
        groups: groups(space, found),
        calibration,
        unseen: unseen.recipes.iter().filter_map(on_unseen).collect(),
        predicted_front: found.front.iter().map(|point| (point.bytes + rest, point.drift)).collect(),
    }
}

fn groups(space: &Space, found: &Found) -> Vec<GroupRow> {
    let best = found.best.as_ref().map(|picks| space.bits(picks));
    let group = |(index, (group, added)): (usize, (&Group, &Vec<Option<f64>>))| GroupRow {
        name: group.name.clone(),
        weights: group.weights,
        bytes: group.bytes.clone(),
        added_drift: added.clone(),
        bits: best.as_ref().map(|bits| bits[index]),
    };
    space.groups().iter().zip(&found.sensitivity).enumerate().map(group).collect()
}
