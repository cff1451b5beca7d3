//! The record of a cell before anything is measured.

use gatecheck_backend::measure::machine::cores;
use gatecheck_judge::record::{ArmRecord, RunRecord, SCHEMA_VERSION};

use super::clock::unix_seconds;
use crate::app::{
    cell::{ArmPlan, Cell},
    version::VERSION,
};

/// Everything that is known of a cell before measuring. Arms have no sessions, calls and outputs yet.
pub fn begin(cell: &Cell) -> RunRecord {
    RunRecord {
        schema_version: SCHEMA_VERSION,
        tool_version: VERSION.to_owned(),
        started_unix_s: unix_seconds(),
        wall_ns: 0,
        seed: cell.seed,
        model: cell.model.clone(),
        dataset: cell.dataset.clone(),
        settings: cell.settings.clone(),
        policy: cell.policy.clone(),
        gold: cell.gold.clone(),
        tokens: cell.inputs.tokens(),
        arms: cell.arms.iter().map(|plan| arm(plan, cell.outputs.width)).collect(),
        warnings: warnings(cell),
        interrupted: true,
    }
}

fn arm(plan: &ArmPlan, width: usize) -> ArmRecord {
    ArmRecord {
        name: plan.name.clone(),
        role: plan.role,
        backend: plan.backend().to_owned(),
        quantization: plan.quantization.clone(),
        given: plan.given.clone(),
        weights: plan.spec.folder.display().to_string(),
        size_bytes: plan.size_bytes,
        expected_size_bytes: plan.expected_size_bytes,
        recipe_sha256: plan.recipe_sha256.clone(),
        sessions: Vec::new(),
        latency: Vec::new(),
        throughput: Vec::new(),
        outputs: Vec::new(),
        output_width: width as u32,
        measured: Vec::new(),
        failure: None,
    }
}

fn warnings(cell: &Cell) -> Vec<String> {
    let mut warnings: Vec<String> = busy(cell).into_iter().collect();
    if cell.inputs.len() < cell.dataset.task.fewest_examples() {
        warnings.push(format!("{} examples say little about quality", cell.inputs.len()));
    }
    warnings.extend(cell.arms.iter().flat_map(|arm| arm.findings.clone()));
    warnings
}

/// How the doubt about a busy machine begins.
const BUSY: &str = "the machine was busy before the run";

/// Says so where the machine has other things to do, for a run that goes on: unless it was said before.
pub(super) fn busy_again(cell: &Cell, so_far: &RunRecord) -> Option<String> {
    let is_said = so_far.warnings.iter().any(|warning| warning.starts_with(BUSY));
    busy(cell).filter(|_| !is_said)
}

fn busy(cell: &Cell) -> Option<String> {
    let cores = f64::from(cores());
    let load = cell.load_before.filter(|load| *load > 0.5 * cores)?;
    Some(format!("{BUSY} (load average {load:.1} on {cores} cores); times are noisier than need be"))
}
