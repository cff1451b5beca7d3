//! The arms of a cell: what each runs on, and from which files.

use gatecheck_backend::worker::protocol::{BackendKind, WorkerSpec};
use gatecheck_judge::record::{Quantization, Role};
use gatecheck_model::{
    convert::{Artefact, Recipe},
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
};

/// An arm as asked for, without its files.
#[derive(Debug, Clone)]
pub struct Arm {
    name: String,
    role: Role,
    backend: BackendKind,
    recipe: Option<Recipe>,
}

/// The arms asked for, if this program has what runs them.
pub fn arms(comparison: &Comparison, measuring: &Measuring) -> Result<Vec<Arm>, PlanError> {
    let Comparison { arms, group_size, embedding_bits } = comparison;
    let arm = |(kind, (name, role)): (&ArmKind, (String, Role))| {
        let backend = match measuring.mock.get(&name) {
            Some(script) => BackendKind::Mock(script.clone()),
            None if *kind == ArmKind::Candle => BackendKind::Candle,
            None if cfg!(feature = "mlx") => BackendKind::Mlx,
            None => return Err(PlanError::WithoutMlx(name)),
        };
        let group_size = Some(group_size.unwrap_or(defaults::GROUP_SIZE));
        let recipe = match *kind {
            ArmKind::Quantized { bits } => Some(Recipe::new(bits, group_size, *embedding_bits, None)?),
            ArmKind::Candle | ArmKind::Mlx => None,
        };
        Ok(Arm { name, role, backend, recipe })
    };
    arms.iter().zip(roles(arms)).map(arm).collect()
}

impl Arm {
    /// The recipe of the artefact that the arm runs; of none, it runs the original.
    pub fn recipe(&self) -> Option<&Recipe> {
        self.recipe.as_ref()
    }

    /// The arm with its files: those of its artefact, or else the original's.
    pub fn with_files(
        self,
        original: &Original,
        artefact: Option<Artefact>,
        threads: u32,
    ) -> Result<ArmPlan, PlanError> {
        let Self { name, role, backend, recipe: _ } = self;
        let spec = |folder| WorkerSpec { backend, folder, threads };
        let Some(artefact) = artefact else {
            let folder = original.folder().to_owned();
            return Ok(ArmPlan {
                name,
                role,
                quantization: None,
                size_bytes: baseline_bytes(&folder)?,
                expected_size_bytes: None,
                recipe_sha256: None,
                files: original.files.clone(),
                spec: spec(folder),
            });
        };
        let quantization = artefact.quantization.as_ref();
        Ok(ArmPlan {
            name,
            role,
            quantization: quantization.map(|QuantizationConfig { default, .. }| Quantization {
                bits: default.bits(),
                group_size: default.group_size(),
            }),
            size_bytes: artefact.size_bytes,
            expected_size_bytes: artefact.computed_bytes(),
            recipe_sha256: artefact.recipe_sha256().map(str::to_owned),
            files: stamps(&artefact.folder)?,
            spec: spec(artefact.folder),
        })
    }
}
