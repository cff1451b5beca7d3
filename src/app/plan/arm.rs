//! The arms of a cell: what each runs on, and from which files.

use gatecheck_backend::worker::protocol::{BackendKind, WorkerSpec};
use gatecheck_base::fs::{sha256, sha256_file};
use gatecheck_judge::record::{Given, Quantization, Role};
use gatecheck_model::{
    candidate::Candidate,
    convert::{Artefact, Recipe},
    files::model_files,
    quantization::QuantizationConfig,
};

use super::{
    error::PlanError,
    original::{Original, baseline_bytes, stamps},
};
use crate::app::{
    arms::{ArmKind, roles},
    cell::ArmPlan,
    defaults,
    settings::{Comparison, Measuring},
    source::{ModelReference, ModelSource},
};

/// An arm as asked for, without its files.
#[derive(Debug, Clone)]
pub struct Arm {
    name: String,
    role: Role,
    backend: BackendKind,
    weights: Weights,
}

/// What an arm runs.
#[derive(Debug, Clone)]
pub enum Weights {
    /// The original.
    Original,
    /// The artefact of a recipe.
    Converted(Recipe),
    /// A converted model that is there already.
    Given(ModelReference),
}

/// The files of what an arm runs.
#[derive(Debug)]
pub enum Files {
    /// The original's.
    Original,
    /// Those of an artefact.
    Converted(Box<Artefact>),
    /// Those of a candidate that was given.
    Given(ModelSource),
}

/// The arms asked for, if this program has what runs them.
pub fn arms(
    comparison: &Comparison,
    candidates: &[ModelReference],
    measuring: &Measuring,
) -> Result<Vec<Arm>, PlanError> {
    let Comparison { arms, group_size, embedding_bits } = comparison;
    let backend = |name: &String, is_candle: bool| match measuring.mock.get(name) {
        Some(script) => Ok(BackendKind::Mock(script.clone())),
        None if is_candle => Ok(BackendKind::Candle),
        None if cfg!(feature = "mlx") => Ok(BackendKind::Mlx),
        None => Err(PlanError::WithoutMlx(name.clone())),
    };
    let arm = |(kind, (name, role)): (&ArmKind, (String, Role))| {
        let backend = backend(&name, *kind == ArmKind::Candle)?;
        let group_size = Some(group_size.unwrap_or(defaults::GROUP_SIZE));
        let weights = match *kind {
            ArmKind::Quantized { bits } => {
                Weights::Converted(Recipe::new(bits, group_size, *embedding_bits, None)?)
            }
            ArmKind::Candle | ArmKind::Mlx => Weights::Original,
        };
        Ok(Arm { name, role, backend, weights })
    };
    let roles = roles(arms, !candidates.is_empty());
    let mut all: Vec<Arm> = arms.iter().zip(roles).map(arm).collect::<Result<_, PlanError>>()?;
    for reference in candidates {
        let name = unused(&reference.name, &all);
        let (backend, weights) = (backend(&name, false)?, Weights::Given(reference.clone()));
        all.push(Arm { name, role: Role::Candidate, backend, weights });
    }
    Ok(all)
}

/// A name that no arm has yet.
fn unused(name: &str, arms: &[Arm]) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| arms.iter().all(|arm| arm.name != *name)).unwrap_or_default()
}

impl Arm {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it runs.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The arm with its files.
    pub fn with_files(
        self,
        original: &Original,
        files: Files,
        any_weights: bool,
        threads: u32,
    ) -> Result<ArmPlan, PlanError> {
        let Self { name, role, backend, weights: _ } = self;
        let spec = |folder, original| WorkerSpec { backend, folder, original, threads };
        match files {
            Files::Original => {
                let folder = original.folder().to_owned();
                Ok(ArmPlan {
                    name,
                    role,
                    quantization: None,
                    size_bytes: baseline_bytes(&folder)?,
                    expected_size_bytes: None,
                    recipe_sha256: None,
                    given: None,
                    findings: Vec::new(),
                    files: original.files.clone(),
                    spec: spec(folder, None),
                })
            }
            Files::Converted(artefact) => Ok(ArmPlan {
                name,
                role,
                quantization: artefact.quantization.as_ref().map(quantization),
                size_bytes: artefact.size_bytes,
                expected_size_bytes: artefact.computed_bytes(),
                recipe_sha256: artefact.recipe_sha256().map(str::to_owned),
                given: None,
                findings: Vec::new(),
                files: stamps(&artefact.folder)?,
                spec: spec(artefact.folder, None),
            }),
            Files::Given(source) => {
                let files = stamps(&source.folder)?;
                let candidate = Candidate::open(&source.folder, original.folder(), any_weights)?;
                let Candidate { artefact, config, expected_bytes, tool, findings, .. } = candidate;
                artefact.check_sums()?;
                Ok(ArmPlan {
                    role,
                    quantization: config.quantization.as_ref().map(quantization),
                    size_bytes: artefact.size_bytes,
                    expected_size_bytes: Some(expected_bytes),
                    recipe_sha256: artefact.recipe_sha256().map(str::to_owned),
                    findings: findings.into_iter().map(|finding| format!("`{name}`: {finding}")).collect(),
                    given: Some(given(&source, tool)?),
                    name,
                    files,
                    spec: spec(artefact.folder, Some(original.folder().to_owned())),
                })
            }
        }
    }
}

fn quantization(config: &QuantizationConfig) -> Quantization {
    let scheme = config.default;
    Quantization {
        bits: scheme.bits(),
        group_size: scheme.group_size(),
        mode: scheme.mode().name().to_owned(),
        mixed: !config.is_uniform(),
    }
}

fn given(source: &ModelSource, tool: String) -> Result<Given, PlanError> {
    let files = model_files(&source.folder)?;
    let checksums = files.iter().map(|file| sha256_file(file)).collect::<Result<String, _>>()?;
    let ModelSource { source, revision, .. } = source.clone();
    Ok(Given { source, revision, tool, sha256: sha256(checksums.as_bytes()) })
}
