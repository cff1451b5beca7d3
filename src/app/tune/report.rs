//! What came of a search, for people and for programs.

use gatecheck_base::text::megabytes;
use gatecheck_judge::{
    analysis::DriftMeasure,
    gate::Verdict,
    report::{
        in_markdown as escape,
        view::{MISSING, interval, share},
    },
};
use serde::Serialize;

use super::{
    journal::{Measured, Quality},
    space::{Picks, Space},
};

/// Version of `tune.json`.
pub(super) const FORMAT: u32 = 1;

/// A search, finished or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuning {
    /// [`FORMAT`].
    pub format_version: u32,
    /// Version of gatecheck.
    pub tool_version: String,
    /// The model's name.
    pub model: String,
    /// SHA-256 over the checksums of its files.
    pub model_sha256: String,
    /// The dataset's name.
    pub dataset: String,
    /// SHA-256 of its files.
    pub dataset_sha256: String,
    /// The metric that is judged.
    pub metric: String,
    /// Its largest drop.
    pub max_drop: f64,
    /// What drifts are.
    pub drift_measure: DriftMeasure,
    /// Weights per scale.
    pub group_size: u32,
    /// Examples by which sensitivity was measured.
    pub examples_few: usize,
    /// Examples of the calibration half.
    pub examples_calibration: usize,
    /// Examples of the unseen half.
    pub examples_unseen: usize,
    /// Bits that a group may get; 16 leaves it unquantized.
    pub options: Vec<u32>,
    /// The groups.
    pub groups: Vec<GroupRow>,
    /// Every recipe that was judged on the calibration half, from small to large.
    pub calibration: Vec<RecipeRow>,
    /// The recipe found and the uniform ones on the unseen half.
    pub unseen: Vec<RecipeRow>,
    /// The front that follows from the sensitivities: bytes of the artefact, as computed, and drift, as predicted.
    pub predicted_front: Vec<(u64, f64)>,
}

/// A group of matrices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupRow {
    /// Its name.
    pub name: String,
    /// How many weights it has.
    pub weights: u64,
    /// Bytes for each option.
    pub bytes: Vec<u64>,
    /// What each option adds to the drift of unquantized weights, where that is a number.
    pub added_drift: Vec<Option<f64>>,
    /// Its bits in the recipe found.
    pub bits: Option<u32>,
}

/// A recipe, measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecipeRow {
    /// `tuned`, `uniform 4` and the like; empty for others.
    pub name: String,
    /// Bits of each group.
    pub bits: Vec<u32>,
    /// Bits that a weight of the groups takes in the mean, scales and biases included.
    pub bits_per_weight: f64,
    /// What was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

impl Tuning {
    /// The recipe found, as measured on the calibration half.
    pub fn best(&self) -> Option<&RecipeRow> {
        self.calibration.iter().find(|row| row.name == TUNED)
    }

    /// Whether even the recipe of least drift breaks the gate for sure.
    pub fn is_refuted(&self) -> bool {
        let drift = |row: &&RecipeRow| row.measured.drift.unwrap_or(f64::INFINITY);
        let best = self.calibration.iter().min_by(|one, other| drift(one).total_cmp(&drift(other)));
        best.and_then(|row| row.measured.quality.as_ref())
            .is_some_and(|quality| quality.verdict == Verdict::Fail)
    }
}

/// Name of the recipe file; artefacts are named after it.
pub const RECIPE: &str = "tuned.yaml";
/// Name of the recipe found.
pub const TUNED: &str = "tuned";

/// A line about a recipe that was judged.
pub(super) fn describe(space: &Space, picks: &Picks, measured: &Measured) -> String {
    let name = name_of(space, picks).unwrap_or_default();
    let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
    let quality = measured.quality.as_ref();
    format!(
        "{name}{:.2} MB, {:.2} bits a weight, drift {}, drop {}: {}",
        megabytes(measured.size_bytes),
        space.bits_per_weight(picks),
        drift(measured.drift),
        quality.map_or(MISSING.to_owned(), drop),
        quality.map_or(MISSING, |quality| quality.verdict.words()),
    )
}

/// What a recipe is called where it is one that `convert --bits` makes.
pub(super) fn name_of(space: &Space, picks: &Picks) -> Option<String> {
    let option = space.uniform().iter().position(|uniform| uniform == picks)?;
    Some(format!("uniform {}", space.options()[option]))
}

/// The tables, in Markdown.
pub(super) fn markdown(tuning: &Tuning) -> String {
    let Tuning { model, dataset, metric, max_drop, group_size, .. } = tuning;
    let measure = tuning.drift_measure.name();
    let mut text = format!(
        "# {} on {}\n\nThe smallest recipe whose drop of {metric} is within {max_drop}, with {group_size} weights per \
         scale. Drift: {measure}, from the baseline.\n",
        escape(model),
        escape(dataset)
    );
    text += &match tuning.best() {
        Some(best) => format!(
            "\nFound: {:.2} MB, {:.2} bits a weight, in `{}`.\n",
            megabytes(best.measured.size_bytes),
            best.bits_per_weight,
            RECIPE
        ),
        None => "\nNone was found.\n".to_owned(),
    };
    if !tuning.unseen.is_empty() {
        text += &format!("\n## Rows that nothing was chosen by ({})\n\n", tuning.examples_unseen);
        text += &table(metric, &tuning.unseen);
    }
    text += &format!("\n## Rows of the search ({})\n\n", tuning.examples_calibration);
    text += &table(metric, &tuning.calibration);
    text += &format!("\n## Drift that bits of one group add ({} rows)\n\n", tuning.examples_few);
    text += &sensitivity(tuning);
    text
}

/// The table of recipes.
pub fn table(metric: &str, rows: &[RecipeRow]) -> String {
    let mut text = format!(
        "| recipe | size MB | bits a weight | drift | {metric} | drop | verdict |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
    );
    for RecipeRow { name, bits: _, bits_per_weight, measured } in rows {
        let quality = measured.quality.as_ref();
        text += &format!(
            "| {name} | {:.2} | {bits_per_weight:.2} | {} | {} | {} | {} |\n",
            megabytes(measured.size_bytes),
            drift(measured.drift),
            quality.and_then(|quality| quality.metric).map_or(MISSING.to_owned(), share),
            quality.map_or(MISSING.to_owned(), drop),
            quality.map_or(MISSING, |quality| quality.verdict.words()),
        );
    }
    text
}

fn sensitivity(tuning: &Tuning) -> String {
    let columns = |cells: &mut dyn Iterator<Item = String>| cells.collect::<Vec<_>>().join(" | ");
    let mut text = format!(
        "| group | weights | {} | chosen |\n| --- | ---: | {} | ---: |\n",
        columns(&mut tuning.options.iter().map(u32::to_string)),
        columns(&mut tuning.options.iter().map(|_| "---:".to_owned()))
    );
    for GroupRow { name, weights, bytes: _, added_drift, bits } in &tuning.groups {
        text += &format!(
            "| {} | {weights} | {} | {} |\n",
            escape(name),
            columns(&mut added_drift.iter().map(|added| drift(*added))),
            bits.map_or(MISSING.to_owned(), |bits| bits.to_string())
        );
    }
    text
}

fn drop(quality: &Quality) -> String {
    quality.drop.map_or(MISSING.to_owned(), |value| interval(value, quality.low, quality.high, share))
}

fn drift(value: Option<f64>) -> String {
    match value {
        None => MISSING.to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) => format!("{value:.1e}"),
    }
}
