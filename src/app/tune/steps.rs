//! A tuning from its first step to its last.

use std::path::{Path, PathBuf};

use gatecheck_backend::worker::protocol::WorkerSpec as Spec;
use gatecheck_base::fs::{FileError, check_writable, create_dir, sha256, write_together};
use gatecheck_data::dataset::Part;
use gatecheck_judge::record::{ModelFacts, Policy};

use super::{
    bench::Bench,
    error::TuneError,
    halves::Half,
    journal::{Journal, Rows},
    picture,
    report::{self, TUNED, Tuning},
    search::search,
    space::{Picks, Space},
    summary::{Unseen, summary},
};
use crate::app::{
    arms::ArmKind,
    cell::Cell,
    error::AppError,
    event::{Event, Observer},
    measure::Workers,
    plan::{self, Files, Original},
    prepare, record, resume,
    run::{self, Job},
    runner,
    settings::{Artefacts, Comparison, Measuring},
    source::{Candidates, DatasetReference, ModelPlace, ModelReference},
    version::VERSION,
};

/// Folder of the run on the unseen half.
const UNSEEN: &str = "unseen";

/// What is to be tuned.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model.
    pub model: ModelReference,
    /// The dataset, of which one half is chosen by and the other judges. A limit is one of each half.
    pub dataset: DatasetReference,
    /// Bits that a group may get; unquantized weights are always a choice.
    pub bits: Vec<u32>,
    /// Weights per scale.
    pub group_size: u32,
    /// Examples by which sensitivity is measured.
    pub examples: usize,
    /// How it is measured.
    pub measuring: Measuring,
    /// The limits.
    pub policy: Policy,
    /// The folder of everything that comes of it.
    pub out: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The search.
    pub tuning: Tuning,
    /// The artefact of the recipe found, and the run that is to judge it on the unseen half.
    pub found: Option<(PathBuf, Vec<Job>)>,
}

/// Searches, writes the recipe, the tables and the picture, and plans the run that judges the recipe found.
pub fn tune(request: &Request, workers: &Workers, observer: &mut dyn Observer) -> Result<Outcome, TuneError> {
    let out = request.out.as_path();
    check_writable(out)?;
    let original = Original::open(prepare::model(&request.model, observer)?)?;
    let facts = original.facts()?;
    let space = Space::of(original.source(), &request.bits, request.group_size)?;
    let (chosen_by, spec) = cell(request, &original, &facts, Part::Calibration, observer)?;
    let (judges, _) = cell(request, &original, &facts, Part::Unseen, observer)?;
    let examples_unseen = judges.inputs.len();
    create_dir(out)?;
    let journal = Journal::open(out, &content(request, [&chosen_by, &judges]))?;
    let calibration = Half::new(chosen_by, "baseline", workers, observer)?;
    let few = calibration.few(request.examples);
    let model = original.source();
    let mut bench = Bench { space: &space, model, calibration, few, journal, spec, workers, out, observer };
    let found = search(&space, &mut bench)?;
    let mut unseen = Unseen { examples: examples_unseen, recipes: Vec::new() };
    let artefact = out.join(format!("{}-mlx-{TUNED}", run::folder_name(&request.model.name)));
    if let Some(best) = &found.best {
        bench.convert(best, &artefact)?;
        unseen.recipes = measured(&mut bench, best, judges)?;
    }
    let tuning = summary(&bench, &found, &unseen);
    write(out, &tuning)?;
    let found = match &found.best {
        Some(_) => Some((artefact.clone(), verdict(request, &artefact, bench.observer)?)),
        None => None,
    };
    Ok(Outcome { tuning, found })
}

/// A half put to the model, with the baseline as its arm; and what a worker of a candidate is to load.
fn cell(
    request: &Request,
    original: &Original,
    facts: &ModelFacts,
    part: Part,
    observer: &mut dyn Observer,
) -> Result<(Cell, Spec), TuneError> {
    let Request { measuring, policy, out, .. } = request;
    let comparison =
        Comparison { arms: vec![ArmKind::Candle, ArmKind::Mlx], group_size: None, embedding_bits: None };
    let mut ready = Vec::new();
    for arm in plan::arms(&comparison, &[], measuring)? {
        ready.push(arm.with_files(original, Files::Original, false, measuring.threads)?);
    }
    let tried = ready.split_off(1).pop().map(|arm| arm.spec);
    let reference = DatasetReference { part: Some(part), ..request.dataset.clone() };
    let rows = prepare::dataset(&reference, observer)?;
    if rows.golds.is_empty() {
        return Err(TuneError::NoRows { dataset: rows.name, part: part.name() });
    }
    let asked = plan::ask(original, &rows, &reference.texts, measuring.batch_size, out)?;
    let cell = plan::cell(facts.clone(), asked, ready, measuring, policy.clone(), None);
    let spec = tried.unwrap_or_else(|| cell.arms[0].spec.clone());
    Ok((cell, spec))
}

/// A checksum of everything that measurements of recipes depend on.
fn content(request: &Request, halves: [&Cell; 2]) -> String {
    let Request { group_size, examples, policy, .. } = request;
    let halves = halves.map(|half| record::content(&runner::begin(half)));
    let limits = [policy.max_accuracy_drop, policy.max_truncated_share];
    sha256(serde_json::json!([VERSION, halves, group_size, examples, limits]).to_string().as_bytes())
}

/// The recipe found and the uniform ones on the unseen half.
fn measured(bench: &mut Bench<'_>, best: &Picks, judges: Cell) -> Result<Vec<Picks>, TuneError> {
    let judges = Half::new(judges, "baseline on unseen rows", bench.workers, bench.observer)?;
    let recipes: Vec<Picks> = std::iter::once(best).chain(bench.space.uniform()).cloned().collect();
    bench.observer.on_event(&Event::Started { task: "unseen rows", steps: recipes.len() as u64 });
    for picks in &recipes {
        bench.measure(Rows::Unseen, picks, Some(&judges))?;
        bench.observer.on_event(&Event::Advanced { steps: 1 });
    }
    bench.observer.on_event(&Event::Finished);
    Ok(recipes)
}

fn write(out: &Path, tuning: &Tuning) -> Result<(), TuneError> {
    let mut json =
        serde_json::to_vec_pretty(tuning).map_err(|error| FileError::new("write", out, error.into()))?;
    json.push(b'\n');
    let (tables, picture) = (report::markdown(tuning), picture::svg(tuning));
    let files =
        [("tune.json", json.as_slice()), ("tune.md", tables.as_bytes()), ("front.svg", picture.as_bytes())];
    let files = files.map(|(name, bytes)| (Path::new(name), bytes));
    Ok(write_together(out, &files)?)
}

/// The run that judges an artefact on the unseen half. One that was cut short is begun anew.
fn verdict(request: &Request, artefact: &Path, observer: &mut dyn Observer) -> Result<Vec<Job>, AppError> {
    let Request { model, dataset, measuring, policy, out, .. } = request;
    let out = out.join(UNSEEN);
    if let Some(unfinished) = resume::unfinished(&out)? {
        unfinished.discard()?;
    }
    let candidate = ModelReference {
        name: TUNED.to_owned(),
        place: ModelPlace::Folder(artefact.to_owned()),
        source: artefact.display().to_string(),
    };
    let dataset = DatasetReference { part: Some(Part::Unseen), ..dataset.clone() };
    let request = run::Request {
        model: model.clone(),
        datasets: vec![(dataset, out)],
        comparison: Comparison { arms: vec![ArmKind::Candle], group_size: None, embedding_bits: None },
        candidates: Candidates { references: vec![candidate], any_weights: false },
        artefacts: Artefacts { folder: artefact.to_owned(), may_convert: false },
        measuring: measuring.clone(),
        policy: policy.clone(),
    };
    run::plan(&request, observer)
}
