//! Where recipes are tried out: each is converted, asked by a process of its own, and thrown away.

use std::path::{Path, PathBuf};

use gatecheck_backend::worker::protocol::WorkerSpec as Spec;
use gatecheck_base::fs::write_atomic;
use gatecheck_judge::gate::Verdict;
use gatecheck_model::convert::{Artefact, Recipe};

use super::{
    error::TuneError,
    halves::Half,
    journal::{Journal, Measured, Rows},
    report::{RECIPE, describe},
    search::{Judged, Trials},
    space::{Picks, Space},
};
use crate::app::{
    event::{Event, Observer, Silent},
    measure::Workers,
    prepare::{self, PrepareError, Target},
    recipe,
    source::ModelSource,
};

/// Folder of what is tried out.
const TRIAL: &str = ".trial";

/// Everything it takes.
pub(super) struct Bench<'a> {
    pub(super) space: &'a Space,
    pub(super) model: &'a ModelSource,
    pub(super) calibration: Half,
    /// Positions of the few rows by which sensitivity is measured.
    pub(super) few: Vec<usize>,
    pub(super) journal: Journal,
    /// What its worker loads, but for the folder.
    pub(super) spec: Spec,
    pub(super) workers: &'a Workers,
    pub(super) out: &'a Path,
    pub(super) observer: &'a mut dyn Observer,
}

impl Bench<'_> {
    /// Converts a recipe into a folder.
    pub(super) fn convert(&self, picks: &Picks, folder: &Path) -> Result<Artefact, TuneError> {
        let recipe = Recipe::of(self.space.choices(picks)?).map_err(PrepareError::from)?;
        let target = Target { output: self.out, folder: Some(folder), force: true };
        let outcome = prepare::converted(self.model, &recipe, target, &mut Silent)?;
        Ok(Artefact::open(&outcome.folder).map_err(PrepareError::from)?)
    }

    /// What is known of a recipe, or is measured now.
    pub(super) fn measure(
        &mut self,
        rows: Rows,
        picks: &Picks,
        half: Option<&Half>,
    ) -> Result<Measured, TuneError> {
        let bits = self.space.bits(picks);
        if let Some(known) = self.journal.get(rows, &bits) {
            return Ok(known.clone());
        }
        let half = half.unwrap_or(&self.calibration);
        let artefact = self.convert(picks, &self.out.join(TRIAL))?;
        // Only what was made here goes.
        let trial = Trial(artefact.folder);
        half.check_unchanged()?;
        let spec = Spec { folder: trial.0.clone(), ..self.spec.clone() };
        let measured = match rows {
            Rows::Few => half.drift(self.few.clone(), &spec, artefact.size_bytes, self.workers)?,
            Rows::Calibration | Rows::Unseen => half.judge(&spec, artefact.size_bytes, self.workers)?,
        };
        self.journal.keep(self.out, rows, &bits, measured.clone())?;
        Ok(measured)
    }
}

/// The folder of what is tried out, which goes when this goes.
struct Trial(PathBuf);

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Trials for Bench<'_> {
    fn drift(&mut self, picks: &Picks) -> Result<Option<f64>, TuneError> {
        let measured = self.measure(Rows::Few, picks, None)?;
        self.observer.on_event(&Event::Advanced { steps: 1 });
        Ok(measured.drift)
    }

    fn judge(&mut self, picks: &Picks) -> Result<Judged, TuneError> {
        let measured = self.measure(Rows::Calibration, picks, None)?;
        self.observer.on_event(&Event::Said { line: &describe(self.space, picks, &measured) });
        self.observer.on_event(&Event::Advanced { steps: 1 });
        let verdict = measured.quality.map_or(Verdict::Error, |quality| quality.verdict);
        Ok(Judged { bytes: measured.size_bytes, verdict })
    }

    fn begin(&mut self, task: &'static str, steps: usize) {
        self.observer.on_event(&Event::Started { task, steps: steps as u64 });
    }

    fn found(&mut self, picks: &Picks) -> Result<(), TuneError> {
        let text = recipe::text(&self.space.choices(picks)?);
        Ok(write_atomic(&self.out.join(RECIPE), text.as_bytes())?)
    }
}
