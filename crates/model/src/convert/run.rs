//! The whole conversion.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::create_dir;

use super::{
    Artefact, ConvertError, Group, METADATA_FILE, Metadata, Plan, Recipe, SHARD_BYTES, Written,
    artefact_name,
    disk::Files,
    lock::Lock,
    metadata::{self, SCHEMA_VERSION},
    place::{self, Scratch},
    source::Source,
    table,
    verify::verify,
    write::{others, weights, write_file},
};

/// What to convert, how, and where to.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model's folder.
    pub source: PathBuf,
    /// How the user named the model: a Hub id or a path. It is recorded.
    pub source_name: String,
    /// Revision on the Hub, where there is one.
    pub revision: Option<String>,
    /// First part of the artefact's name.
    pub name: String,
    /// Folder in which the artefact's folder is made, such as `models/mlx_converted`.
    pub output: PathBuf,
    /// The artefact's folder itself, where it is not to be named after model and recipe.
    pub folder: Option<PathBuf>,
    /// How.
    pub recipe: Recipe,
    /// Whether to convert again, and over an artefact of another recipe.
    pub force: bool,
    /// Largest weight file in bytes.
    pub shard_bytes: u64,
    /// Version of the program that converts. It is recorded.
    pub tool_version: String,
}

impl Request {
    /// A request with nothing out of the ordinary.
    pub fn new(source: &Path, name: &str, output: &Path, recipe: Recipe, tool_version: &str) -> Self {
        Self {
            source: source.to_owned(),
            source_name: source.display().to_string(),
            revision: None,
            name: name.to_owned(),
            output: output.to_owned(),
            folder: None,
            recipe,
            force: false,
            shard_bytes: SHARD_BYTES,
            tool_version: tool_version.to_owned(),
        }
    }
}

/// What a conversion is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the inputs for their checksums.
    Checksums,
    /// Waiting for another process that converts to the same place.
    Wait,
    /// Quantizing, writing, reading back and comparing.
    Write,
    /// Reading what was written for its checksums, and waiting for the disk.
    Verify,
}

/// How far a stage has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Bytes that are done.
    pub done_bytes: u64,
    /// Bytes in this stage.
    pub total_bytes: u64,
}

/// What a conversion came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The artefact.
    pub folder: PathBuf,
    /// Whether it was there already.
    pub skipped: bool,
    /// What was done. Of a skipped one, what the headers say, without a look at the values.
    pub plan: Plan,
    /// Its tensors, and what was lost.
    pub groups: Vec<Group>,
    /// Checksum of recipe and inputs.
    pub recipe_sha256: String,
}

/// Where the artefact of a request goes.
fn target(request: &Request) -> Result<PathBuf, ConvertError> {
    match &request.folder {
        Some(folder) => Ok(folder.clone()),
        None => Ok(request.output.join(artefact_name(&request.name, &request.recipe)?)),
    }
}

/// Converts a model, or finds that the artefact of this recipe and these inputs is there already. Two conversions
/// to the same place at once come to what they would one after the other.
pub fn convert(request: &Request, on_progress: &mut dyn FnMut(Progress)) -> Result<Outcome, ConvertError> {
    let folder = target(request)?;
    let source = Source::open(&request.source)?;
    let plan = Plan::from_headers(&source, &request.recipe, request.shard_bytes)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir(parent)?;
    let _lock = Lock::take(&folder, || {
        on_progress(Progress { stage: Stage::Wait, done_bytes: 0, total_bytes: 0 });
    })?;
    place::sweep(&folder)?;
    if folder.symlink_metadata().is_ok() {
        // Only where something is there does it have to be known beforehand whether it is this.
        let inputs = source.checksums(|done_bytes, total_bytes| {
            on_progress(Progress { stage: Stage::Checksums, done_bytes, total_bytes });
        })?;
        let recipe_sha256 = request.recipe.sha256(&inputs);
        if place::is_there(&folder, &recipe_sha256, request.force)? {
            let groups =
                Artefact::open(&folder)?.metadata.map(|metadata| metadata.groups).unwrap_or_default();
            return Ok(Outcome { folder, skipped: true, plan, groups, recipe_sha256 });
        }
    }
    let scratch = Scratch::claim(&folder)?;
    let (plan, inputs) = make(plan, &source, scratch.path(), request, on_progress)?;
    scratch.publish()?;
    let recipe_sha256 = request.recipe.sha256(&inputs);
    Ok(Outcome { folder, skipped: false, groups: table::groups(&plan), plan, recipe_sha256 })
}

/// Makes the artefact in `folder`. Returns what was done, and the checksums of what it was made of.
fn make(
    mut plan: Plan,
    source: &Source,
    folder: &Path,
    request: &Request,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<(Plan, BTreeMap<String, String>), ConvertError> {
    let mut inputs = source.small_checksums()?;
    let (files, done) = loop {
        let files = Files::create(plan.shards(), folder)?;
        let count = counter(Stage::Write, plan.source_bytes(), on_progress);
        let done = weights(&plan, source, &files, folder, count)?;
        if done.overflows.is_empty() {
            break (files, done);
        }
        // What would overflow keeps its type: other headers, so all over again. It is rare.
        plan.widen(&done.overflows);
    };
    for (tensor, loss) in plan.tensors.iter_mut().zip(done.losses) {
        tensor.loss = Some(loss);
    }
    inputs.extend(done.checksums);
    others(&plan, source, &inputs, folder)?;
    let count = counter(Stage::Verify, plan.size_bytes(), on_progress);
    let outputs = verify(&plan, &files, &done.outputs, folder, count)?;
    record(request, &plan, inputs.clone(), outputs, folder)?;
    Ok((plan, inputs))
}

fn counter(stage: Stage, total_bytes: u64, on_progress: &mut dyn FnMut(Progress)) -> impl FnMut(u64) {
    let mut done_bytes = 0;
    move |bytes| {
        done_bytes += bytes;
        on_progress(Progress { stage, done_bytes, total_bytes });
    }
}

fn record(
    request: &Request,
    plan: &Plan,
    inputs: BTreeMap<String, String>,
    outputs: BTreeMap<String, Written>,
    folder: &Path,
) -> Result<(), ConvertError> {
    let metadata = Metadata {
        schema_version: SCHEMA_VERSION,
        tool: "gatecheck".to_owned(),
        tool_version: request.tool_version.clone(),
        source: request.source_name.clone(),
        revision: request.revision.clone(),
        recipe: request.recipe.clone(),
        recipe_sha256: request.recipe.sha256(&inputs),
        inputs,
        computed_bytes: plan.size_bytes(),
        written_bytes: outputs.values().map(|written| written.bytes).sum(),
        outputs,
        groups: table::groups(plan),
        unquantized: metadata::kept(plan),
        ignored: plan.ignored.iter().cloned().collect(),
    };
    let json = serde_json::to_string_pretty(&metadata).unwrap_or_default();
    Ok(write_file(&folder.join(METADATA_FILE), format!("{json}\n").as_bytes())?)
}
