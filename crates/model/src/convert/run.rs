//! The whole conversion.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::{create_dir, sha256_file};

use super::{
    ConvertError, METADATA_FILE, Metadata, Plan, Recipe, SHARD_BYTES, Written, artefact, artefact_name,
    lock::Lock,
    metadata::{self, SCHEMA_VERSION},
    place::{self, Scratch},
    source::Source,
    verify::verify,
    write::{write, write_file},
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
    /// Looking for NaN, infinities and overflow.
    Scan,
    /// Quantizing and writing.
    Write,
    /// Comparing what was written with the source.
    Verify,
}

/// How far a stage has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Bytes of the source that are done.
    pub done_bytes: u64,
    /// Bytes of the source in this stage.
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
    /// Checksum of recipe and inputs.
    pub recipe_sha256: String,
}

/// Converts a model, or finds that the artefact of this recipe and these inputs is there already. Two conversions
/// to the same place at once come to what they would one after the other.
pub fn convert(request: &Request, on_progress: &mut dyn FnMut(Progress)) -> Result<Outcome, ConvertError> {
    let folder = request.output.join(artefact_name(&request.name, &request.recipe)?);
    let source = Source::open(&request.source)?;
    let plan = Plan::from_headers(&source, &request.recipe, request.shard_bytes)?;
    let inputs = source.checksums(|done_bytes, total_bytes| {
        on_progress(Progress { stage: Stage::Checksums, done_bytes, total_bytes });
    })?;
    let recipe_sha256 = request.recipe.sha256(&inputs);
    create_dir(&request.output)?;
    let _lock = Lock::take(&folder, || {
        on_progress(Progress { stage: Stage::Wait, done_bytes: 0, total_bytes: 0 });
    })?;
    place::sweep(&folder)?;
    if place::is_there(&folder, &recipe_sha256, request.force)? {
        return Ok(Outcome { folder, skipped: true, plan, recipe_sha256 });
    }
    let total = plan.source_bytes();
    let plan = plan.scan(&source, counter(Stage::Scan, total, on_progress))?;
    let scratch = Scratch::claim(&folder)?;
    write(&plan, &source, &inputs, scratch.path(), counter(Stage::Write, total, on_progress))?;
    verify(&plan, &source, scratch.path(), counter(Stage::Verify, total, on_progress))?;
    record(request, &plan, inputs, &recipe_sha256, scratch.path())?;
    scratch.publish()?;
    Ok(Outcome { folder, skipped: false, plan, recipe_sha256 })
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
    recipe_sha256: &str,
    folder: &Path,
) -> Result<(), ConvertError> {
    let mut outputs = BTreeMap::new();
    for (name, bytes) in artefact::files(folder)? {
        let sha256 = sha256_file(&folder.join(&name))?;
        outputs.insert(name, Written { bytes, sha256 });
    }
    let metadata = Metadata {
        schema_version: SCHEMA_VERSION,
        tool: "gatecheck".to_owned(),
        tool_version: request.tool_version.clone(),
        source: request.source_name.clone(),
        revision: request.revision.clone(),
        recipe: request.recipe.clone(),
        recipe_sha256: recipe_sha256.to_owned(),
        inputs,
        computed_bytes: plan.size_bytes(),
        written_bytes: outputs.values().map(|written| written.bytes).sum(),
        outputs,
        unquantized: metadata::kept(plan),
        ignored: plan.ignored.iter().cloned().collect(),
    };
    let json = serde_json::to_string_pretty(&metadata).unwrap_or_default();
    Ok(write_file(&folder.join(METADATA_FILE), format!("{json}\n").as_bytes())?)
}
