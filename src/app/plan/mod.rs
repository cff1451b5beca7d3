//! From a model folder, a dataset and settings to a [`Cell`]: converts if need be, tokenises once,
//! maps labels. After this nothing but the arms themselves can be missing.

pub mod arms;
mod error;
mod question;
mod source;
pub mod zero_shot;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use gatecheck_backend::{
    mock::MockScript,
    worker::protocol::{BackendKind, WorkerSpec},
};
use gatecheck_base::fs::sha256_file;
use gatecheck_data::dataset::Dataset;
use gatecheck_judge::record::{DatasetFacts, Policy, Quantization, Role, RunSettings};
use gatecheck_model::{
    convert::{Artefact, Progress, Recipe, Request, artefact_name, convert},
    tokenizer::{TextEncoder, Truncation},
};

use self::{
    arms::{ArmKind, roles},
    question::Question,
    source::Original,
    zero_shot::ZeroShotSettings,
};
use crate::{
    app::cell::{ArmPlan, Cell, Effort, Input},
    app::runner::{batches, padded_tokens},
};

pub use self::{
    error::PlanError,
    source::{ModelSource, baseline_bytes},
};

/// Everything that is neither model nor dataset.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The arms, the baseline first.
    pub arms: Vec<ArmKind>,
    /// Weights per scale.
    pub group_size: Option<u32>,
    /// Bits of the word embeddings.
    pub embedding_bits: Option<u32>,
    /// Folder of the converted models.
    pub output_dir: PathBuf,
    /// Whether a missing artefact may be made.
    pub may_convert: bool,
    /// Dataset label to model class, where names differ.
    pub label_map: Option<BTreeMap<String, String>>,
    /// Whether and how labels are put to the model as hypotheses.
    pub zero_shot: ZeroShotSettings,
    /// Which text of a pair gives way.
    pub truncation: Truncation,
    /// Limit in tokens beside the model's own.
    pub max_length: Option<usize>,
    /// Rows per batch.
    pub batch_size: u32,
    /// Threads of each arm.
    pub threads: u32,
    /// Seed of every shuffle and resampling.
    pub seed: u64,
    /// Queries per arm in the latency phase.
    pub latency_queries: u32,
    /// The limits.
    pub policy: Policy,
    /// Scripted arms, by name, for tests.
    pub mock: Option<BTreeMap<String, MockScript>>,
}

/// Plans one cell.
pub fn plan(
    model: &ModelSource,
    dataset: &Dataset,
    settings: &Settings,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Cell, PlanError> {
    let original = Original::open(model)?;
    if original.config.quantization.is_some() {
        return Err(PlanError::AlreadyQuantized { folder: model.folder.display().to_string() });
    }
    if dataset.examples.is_empty() {
        return Err(PlanError::NoRows(dataset.name.clone()));
    }
    let question = Question::new(dataset, &original.config, &model.folder, settings)?;
    let truncation = question.truncation(settings.truncation);
    let encoder = TextEncoder::open(&model.folder, &original.config, truncation, settings.max_length)?;
    let inputs = question.inputs(dataset, &encoder)?;
    let arms = plan_arms(model, settings, on_progress)?;
    let (gold, outputs) = (question.gold(dataset), question.outputs);
    let dataset = dataset_facts(dataset, question, &inputs, encoder.max_length(), settings.batch_size);
    // Threads of a matrix library spin for some 30 ms after a product before they sleep.
    let settle = if settings.mock.is_some() { Duration::ZERO } else { Duration::from_millis(30) };
    let throughput_s = if settings.mock.is_some() { 0.0 } else { 2.0 };
    Ok(Cell {
        model: original.facts(model)?,
        dataset,
        settings: run_settings(settings),
        policy: settings.policy.clone(),
        seed: settings.seed,
        arms,
        inputs,
        outputs,
        gold,
        effort: Effort { latency_queries: settings.latency_queries, throughput_s, settle },
    })
}

fn run_settings(settings: &Settings) -> RunSettings {
    RunSettings {
        batch_size: settings.batch_size,
        threads: settings.threads,
        padding_rule: "sorted by length and cut into batches; MLX pads each batch to its longest row, \
                       candle computes real tokens only"
            .to_owned(),
        confidence: 0.95,
        resamples: 10_000,
    }
}

fn dataset_facts(
    dataset: &Dataset,
    question: Question,
    inputs: &[Input],
    max_length: usize,
    batch_size: u32,
) -> DatasetFacts {
    let truncated = inputs.iter().filter(|input| input.rows.iter().any(|row| row.truncated)).count();
    DatasetFacts {
        name: dataset.name.clone(),
        split: dataset.split.clone(),
        source: dataset.source.clone(),
        revision: dataset.revision.clone(),
        sha256: dataset.sha256.clone(),
        task: question.outputs.task(),
        metrics: dataset.metrics.clone(),
        labels: question.labels,
        zero_shot: question.zero_shot,
        rows: inputs.len() as u64,
        dropped_without_label: dataset.dropped_without_label,
        truncated: truncated as u64,
        max_length: max_length as u32,
        real_tokens: inputs.iter().map(|input| u64::from(input.tokens())).sum(),
        padded_tokens: padded_tokens(inputs, &batches(inputs, batch_size as usize)),
    }
}

fn plan_arms(
    model: &ModelSource,
    settings: &Settings,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Vec<ArmPlan>, PlanError> {
    let named = settings.arms.iter().zip(roles(&settings.arms));
    named.map(|(kind, (name, role))| plan_arm(model, *kind, name, role, settings, on_progress)).collect()
}

fn plan_arm(
    model: &ModelSource,
    kind: ArmKind,
    name: String,
    role: Role,
    settings: &Settings,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<ArmPlan, PlanError> {
    let backend = match settings.mock.as_ref().and_then(|mock| mock.get(&name)) {
        Some(script) => BackendKind::Mock(script.clone()),
        None if kind == ArmKind::Candle => BackendKind::Candle,
        None if cfg!(feature = "mlx") => BackendKind::Mlx,
        None => return Err(PlanError::WithoutMlx(name)),
    };
    let spec = |folder| WorkerSpec { backend, folder, threads: settings.threads };
    let ArmKind::Quantized { bits } = kind else {
        return Ok(ArmPlan {
            name,
            role,
            spec: spec(model.folder.clone()),
            quantization: None,
            size_bytes: baseline_bytes(&model.folder)?,
            expected_size_bytes: None,
            recipe_sha256: None,
        });
    };
    let artefact = artefact(model, bits, settings, on_progress)?;
    let quantization = artefact
        .quantization
        .as_ref()
        .map(|config| Quantization { bits: config.bits, group_size: config.group_size });
    Ok(ArmPlan {
        name,
        role,
        quantization,
        size_bytes: artefact.size_bytes,
        expected_size_bytes: artefact.computed_bytes(),
        recipe_sha256: artefact.recipe_sha256().map(str::to_owned),
        spec: spec(artefact.folder),
    })
}

/// The artefact of this recipe, made if it is not there.
fn artefact(
    model: &ModelSource,
    bits: u32,
    settings: &Settings,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Artefact, PlanError> {
    let recipe = Recipe::new(bits, settings.group_size, settings.embedding_bits, None)?;
    let folder = settings.output_dir.join(artefact_name(&model.name, &recipe)?);
    if !settings.may_convert && !folder.exists() {
        let folder = folder.display().to_string();
        return Err(PlanError::NotConverted { folder, model: model.name.clone(), bits });
    }
    if !settings.may_convert {
        let artefact = Artefact::open(&folder)?;
        return if made_from(&artefact, model, &recipe)? {
            Ok(artefact)
        } else {
            Err(PlanError::Stale { folder: folder.display().to_string() })
        };
    }
    let mut request = Request::new(&model.folder, &model.name, &settings.output_dir, recipe);
    request.source_name = model.source.clone();
    request.revision = model.revision.clone();
    let outcome = convert(&request, on_progress)?;
    Ok(Artefact::open(&outcome.folder)?)
}

/// Whether an artefact is that of these files and this recipe. One without metadata, made by another
/// tool, cannot be told and is taken at its word.
fn made_from(artefact: &Artefact, model: &ModelSource, recipe: &Recipe) -> Result<bool, PlanError> {
    let Some(metadata) = &artefact.metadata else { return Ok(true) };
    for (name, sha256) in &metadata.inputs {
        let path = model.folder.join(name);
        if !path.is_file() || sha256_file(&path)? != *sha256 {
            return Ok(false);
        }
    }
    Ok(recipe.sha256(&metadata.inputs) == metadata.recipe_sha256)
}
