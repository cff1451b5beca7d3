//! One half of a dataset: what the baseline answers there, and what becomes of it with other weights.

use gatecheck_backend::worker::{
    Worker, WorkerError,
    protocol::{Request, Response, WorkerSpec},
};
use gatecheck_judge::{
    analysis::{analyse, drift},
    gate::{Gate, Verdict, evaluate},
    record::{ArmRecord, Role, RunRecord},
};

use super::{
    error::TuneError,
    journal::{Measured, Quality},
};
use crate::app::{
    cell::Cell,
    event::{Event, Observer},
    measure::Workers,
    runner,
};

/// Name of the arm that is tried out.
const TRIED: &str = "tried";

/// A half with the answers of the baseline.
#[derive(Debug)]
pub(super) struct Half {
    cell: Cell,
    record: RunRecord,
}

/// The outputs of some examples.
struct Answers {
    outputs: Vec<f32>,
    measured: Vec<bool>,
}

impl Half {
    /// Asks the baseline, which is the only arm of the cell.
    pub(super) fn new(
        cell: Cell,
        task: &'static str,
        workers: &Workers,
        observer: &mut dyn Observer,
    ) -> Result<Self, TuneError> {
        let mut record = runner::begin(&cell);
        record.interrupted = false;
        // The others cost resampling, and nothing is decided by them.
        record.dataset.metrics = vec![record.judged_metric()];
        let all = (0..cell.inputs.len()).collect();
        if let Some(plan) = cell.arms.first() {
            let answers = ask(&cell, all, "baseline", &plan.spec, task, workers, observer)?;
            for arm in &mut record.arms {
                (arm.outputs, arm.measured) = (answers.outputs.clone(), answers.measured.clone());
            }
        }
        Ok(Self { cell, record })
    }

    /// Refuses to go on with other files than the baseline was asked with.
    pub(super) fn check_unchanged(&self) -> Result<(), TuneError> {
        let changed = self.cell.arms.iter().find_map(|arm| arm.changed());
        changed.map_or(Ok(()), |file| {
            let source = WorkerError::Changed(file.to_owned());
            Err(TuneError::Worker { arm: "baseline", stderr: String::new(), source })
        })
    }

    /// The record of the baseline alone.
    pub(super) fn record(&self) -> &RunRecord {
        &self.record
    }

    /// So many examples, evenly spread.
    pub(super) fn few(&self, count: usize) -> Vec<usize> {
        let all = self.cell.inputs.len();
        let count = count.min(all);
        (0..count).map(|index| index * all / count).collect()
    }

    /// The drift of an arm on some examples.
    pub(super) fn drift(
        &self,
        examples: Vec<usize>,
        spec: &WorkerSpec,
        size_bytes: u64,
        workers: &Workers,
    ) -> Result<Measured, TuneError> {
        let asked = examples.len();
        let record = self.with(examples, spec, size_bytes, workers)?;
        Ok(Measured { size_bytes, drift: of_all(&record, asked), quality: None })
    }

    /// Its drift on all examples, and what the quality gate says of it.
    pub(super) fn judge(
        &self,
        spec: &WorkerSpec,
        size_bytes: u64,
        workers: &Workers,
    ) -> Result<Measured, TuneError> {
        let all: Vec<usize> = (0..self.cell.inputs.len()).collect();
        let asked = all.len();
        let record = self.with(all, spec, size_bytes, workers)?;
        let analysis = analyse(&record);
        let gates = evaluate(&analysis, &record.policy).gates;
        let gate = gates.iter().find(|gate| gate.gate == Gate::Quality);
        let arm = analysis.candidates().next();
        let quality = Quality {
            metric: arm.and_then(|arm| Some(arm.metric(analysis.metric)?.value)),
            drop: gate.and_then(|gate| gate.measured),
            low: gate.and_then(|gate| gate.low),
            high: gate.and_then(|gate| gate.high),
            verdict: gate.map_or(Verdict::Error, |gate| gate.verdict),
        };
        Ok(Measured { size_bytes, drift: of_all(&record, asked), quality: Some(quality) })
    }

    /// The record of baseline and arm.
    fn with(
        &self,
        examples: Vec<usize>,
        spec: &WorkerSpec,
        size_bytes: u64,
        workers: &Workers,
    ) -> Result<RunRecord, TuneError> {
        let mut silent = crate::app::event::Silent;
        let Answers { outputs, measured } =
            ask(&self.cell, examples, TRIED, spec, TRIED, workers, &mut silent)?;
        let mut record = self.record.clone();
        let tried = record.arms.first().map(|baseline| ArmRecord {
            name: TRIED.to_owned(),
            role: Role::Candidate,
            size_bytes,
            outputs,
            measured,
            ..baseline.clone()
        });
        record.arms.extend(tried);
        Ok(record)
    }
}

/// The drift of the last arm, if it gave numbers for every example that was asked.
fn of_all(record: &RunRecord, asked: usize) -> Option<f64> {
    let [baseline, .., tried] = record.arms.as_slice() else { return None };
    let width = tried.output_width.max(1) as usize;
    let rows = tried.outputs.chunks_exact(width).zip(&tried.measured);
    let answered = rows.filter(|(row, is)| **is && row.iter().all(|value| value.is_finite())).count();
    if answered == asked { drift(record, baseline, tried) } else { None }
}

/// Asks an arm, in a process of its own.
fn ask(
    cell: &Cell,
    examples: Vec<usize>,
    arm: &'static str,
    spec: &WorkerSpec,
    task: &'static str,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<Answers, TuneError> {
    let width = cell.outputs.width;
    let mut answers =
        Answers { outputs: vec![0.0; cell.inputs.len() * width], measured: vec![false; cell.inputs.len()] };
    let batches = cell.inputs.batches_of(examples, cell.settings.batch_size as usize);
    observer.on_event(&Event::Started { task, steps: batches.len() as u64 });
    let failed = |source, stderr| match source {
        WorkerError::Stopped => TuneError::Stopped,
        source => TuneError::Worker { arm, stderr, source },
    };
    let mut worker = workers.launcher().launch().map_err(|error| failed(error, String::new()))?;
    let mut call = |request: Request| {
        let answered = worker.call(&request).and_then(reported);
        answered.map_err(|error| failed(error, said(worker.as_ref())))
    };
    call(Request::Load(spec.clone()))?;
    for batch in &batches {
        let rows = cell.inputs.batch(batch)?;
        if let Response::Encoded { ns: _, width: of_row, values } = call(Request::Encode { batch: rows })? {
            cell.read(batch, of_row as usize, &values, |example, outputs| {
                answers.outputs[example * width..][..width].copy_from_slice(outputs);
                answers.measured[example] = true;
            });
        }
        observer.on_event(&Event::Advanced { steps: 1 });
    }
    observer.on_event(&Event::Finished);
    Ok(answers)
}

/// What a worker reports as failed is an error.
fn reported(response: Response) -> Result<Response, WorkerError> {
    match response {
        Response::Failed { message } => Err(WorkerError::Reported(message)),
        other => Ok(other),
    }
}

/// What a dying process wrote last, which may still be on its way through the pipe.
fn said(worker: &dyn Worker) -> String {
    std::thread::sleep(std::time::Duration::from_millis(50));
    worker.stderr()
}
