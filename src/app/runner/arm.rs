//! One arm at work: its process, and the part of the record it fills.

use std::time::{Duration, Instant};

use gatecheck_backend::worker::{
    Launcher, Worker, WorkerError,
    protocol::{BackendKind, Loaded, Request, Response, Share},
};
use gatecheck_judge::record::{ArmRecord, Call, Failure, Memory};
use gatecheck_model::batch::Batch;

use crate::{
    app::cell::{ArmPlan, Cell},
    app::event::{Event, Observer},
};

/// The user stopped the run.
#[derive(Debug)]
pub(super) struct Stop;

/// Numbers per row and the rows' numbers.
struct Answer {
    ns: u64,
    width: usize,
    values: Vec<f32>,
}

pub(super) struct Arm<'a> {
    cell: &'a Cell,
    plan: &'a ArmPlan,
    worker: Option<Box<dyn Worker>>,
    library: Option<String>,
    /// How long the process took to start and load.
    loading: Duration,
    record: ArmRecord,
}

impl<'a> Arm<'a> {
    pub(super) fn new(plan: &'a ArmPlan, cell: &'a Cell) -> Self {
        let width = cell.outputs.width;
        let backend = match plan.spec.backend {
            BackendKind::Candle => "candle",
            BackendKind::Mlx => "mlx",
            BackendKind::Mock(_) => "mock",
        };
        let record = ArmRecord {
            name: plan.name.clone(),
            role: plan.role,
            backend: backend.to_owned(),
            device: String::new(),
            execution: String::new(),
            quantization: plan.quantization,
            weights: plan.spec.folder.display().to_string(),
            size_bytes: plan.size_bytes,
            expected_size_bytes: plan.expected_size_bytes,
            recipe_sha256: plan.recipe_sha256.clone(),
            memory: Memory::default(),
            latency: Vec::new(),
            throughput: Vec::new(),
            outputs: vec![0.0; width * cell.inputs.len()],
            output_width: width as u32,
            measured: vec![false; cell.inputs.len()],
            failure: None,
        };
        Self { cell, plan, worker: None, library: None, loading: Duration::ZERO, record }
    }

    pub(super) fn start(&mut self, launcher: &dyn Launcher, observer: &mut dyn Observer) -> Result<(), Stop> {
        let start = Instant::now();
        match launcher.launch() {
            Ok(worker) => self.worker = Some(worker),
            Err(error) => return self.fail("launch", &error, observer),
        }
        match self.request(&Request::Load(self.plan.spec.clone())) {
            Ok(Response::Loaded(Loaded { device, execution, library, before, after })) => {
                self.record.device = device;
                self.record.execution = execution;
                if self.record.memory.after_load == 0 {
                    self.record.memory.before_load = before;
                    self.record.memory.after_load = after;
                }
                self.loading = start.elapsed();
                self.library = Some(format!("{}: {library}", self.record.backend));
                Ok(())
            }
            Ok(other) => self.fail("load", &unexpected(&other), observer),
            Err(error) => self.fail("load", &error, observer),
        }
    }

    /// Goes on in a new process. Where the pages of a process lie makes two processes of one program differ by
    /// a percent or so, which no number of blocks in one process can show.
    pub(super) fn renew(&mut self, launcher: &dyn Launcher, observer: &mut dyn Observer) -> Result<(), Stop> {
        // None is started for an arm that has failed.
        match self.worker.take() {
            Some(old) => {
                drop(old);
                self.start(launcher, observer)
            }
            None => Ok(()),
        }
    }

    /// Whether a new process costs little beside the work done so far.
    pub(super) fn renews_quickly(&self) -> bool {
        self.loading.as_secs_f64() < 0.1 * self.throughput_s()
    }

    /// Whether the arm has not failed.
    pub(super) fn works(&self) -> bool {
        self.worker.is_some()
    }

    pub(super) fn library(&self) -> Option<String> {
        self.library.clone()
    }

    /// Seconds of work in the throughput phase so far; without end once the arm has failed.
    pub(super) fn throughput_s(&self) -> f64 {
        if !self.works() {
            return f64::INFINITY;
        }
        self.record.throughput.iter().map(|call| call.ns as f64 / 1e9).sum()
    }

    /// One call that is not recorded. Returns its duration, or nothing when the arm has failed.
    pub(super) fn rehearse(
        &mut self,
        batch: &Batch,
        observer: &mut dyn Observer,
    ) -> Result<Option<u64>, Stop> {
        Ok(self.encode("warm-up", batch.clone(), observer)?.map(|answer| answer.ns))
    }

    /// How near a batch comes to what its matrix products allow, where the backend knows. No measurement, so
    /// nothing is recorded if it fails.
    pub(super) fn share(&mut self, batch: Batch) -> Result<Option<Share>, Stop> {
        match self.request(&Request::Share { batch }) {
            Ok(Response::Share(share)) => Ok(share),
            Err(WorkerError::Cancelled) => Err(Stop),
            _ => Ok(None),
        }
    }

    pub(super) fn latency_block(
        &mut self,
        block: u32,
        examples: &[usize],
        observer: &mut dyn Observer,
    ) -> Result<(), Stop> {
        self.settle();
        for example in examples {
            let batch = Batch::new(self.cell.query(*example));
            let (item, tokens) = (*example as u32, batch.tokens() as u32);
            let Some(answer) = self.encode("latency", batch, observer)? else { return Ok(()) };
            self.record.latency.push(Call { block, item, examples: 1, tokens, ns: answer.ns });
        }
        self.sample_memory("latency", observer)
    }

    pub(super) fn throughput_block(
        &mut self,
        block: u32,
        items: &[usize],
        batches: &[Vec<usize>],
        scored: bool,
        observer: &mut dyn Observer,
    ) -> Result<(), Stop> {
        self.settle();
        for item in items {
            let examples = &batches[*item];
            let batch = Batch::new(self.cell.inputs.rows_of(examples));
            let tokens = batch.tokens() as u32;
            let Some(answer) = self.encode("throughput", batch, observer)? else { return Ok(()) };
            let count = examples.len() as u32;
            self.record.throughput.push(Call {
                block,
                item: *item as u32,
                examples: count,
                tokens,
                ns: answer.ns,
            });
            if scored {
                self.score(examples, &answer);
            }
        }
        self.sample_memory("throughput", observer)
    }

    fn score(&mut self, examples: &[usize], answer: &Answer) {
        let mut rows = answer.values.chunks_exact(answer.width);
        let width = self.record.output_width as usize;
        for example in examples {
            let count = self.cell.inputs.rows(*example).len();
            let rows: Vec<&[f32]> = rows.by_ref().take(count).collect();
            let place = &mut self.record.outputs[example * width..(example + 1) * width];
            self.record.measured[*example] = rows.len() == count && self.cell.outputs.read(&rows, place);
        }
    }

    fn settle(&self) {
        if self.works() && self.cell.effort.settle > Duration::ZERO {
            std::thread::sleep(self.cell.effort.settle);
        }
    }

    fn encode(
        &mut self,
        phase: &str,
        batch: Batch,
        observer: &mut dyn Observer,
    ) -> Result<Option<Answer>, Stop> {
        if !self.works() {
            return Ok(None);
        }
        let rows = batch.rows();
        let wanted = self.cell.outputs.row_width;
        let error = match self.request(&Request::Encode { phase: phase.to_owned(), batch }) {
            Ok(Response::Encoded { ns, width, values }) => {
                let width = width as usize;
                let fits =
                    width > 0 && values.len() == rows * width && wanted.is_none_or(|wanted| wanted == width);
                if fits {
                    return Ok(Some(Answer { ns, width, values }));
                }
                WorkerError::Protocol(format!("{} numbers of width {width} for {rows} rows", values.len()))
            }
            Ok(other) => unexpected(&other),
            Err(error) => error,
        };
        self.fail(phase, &error, observer).map(|()| None)
    }

    fn sample_memory(&mut self, phase: &str, observer: &mut dyn Observer) -> Result<(), Stop> {
        if !self.works() {
            return Ok(());
        }
        match self.request(&Request::Memory) {
            Ok(Response::Memory { current, peak, backend_peak }) => {
                self.record.memory.samples.push(current);
                let memory = &mut self.record.memory;
                memory.peak = memory.peak.max(peak);
                memory.backend_peak = memory.backend_peak.max(backend_peak);
                Ok(())
            }
            Ok(other) => self.fail(phase, &unexpected(&other), observer),
            Err(error) => self.fail(phase, &error, observer),
        }
    }

    fn request(&mut self, request: &Request) -> Result<Response, WorkerError> {
        match &mut self.worker {
            Some(worker) => worker.call(request),
            None => Err(WorkerError::Died("it was not started".to_owned())),
        }
    }

    /// Records the failure and lets the process go.
    fn fail(&mut self, phase: &str, error: &WorkerError, observer: &mut dyn Observer) -> Result<(), Stop> {
        if matches!(error, WorkerError::Cancelled) {
            return Err(Stop);
        }
        let mut message = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        // What a dying process wrote last is still on its way through the pipe.
        std::thread::sleep(Duration::from_millis(50));
        let stderr = self.worker.take().map(|worker| worker.stderr()).unwrap_or_default();
        observer.on_event(&Event::Failed { arm: &self.record.name, message: &message });
        self.record.failure = Some(Failure { phase: phase.to_owned(), message, stderr });
        Ok(())
    }

    pub(super) fn into_record(self) -> ArmRecord {
        self.record
    }
}

fn unexpected(response: &Response) -> WorkerError {
    let kind = match response {
        Response::Hello { .. } => "a greeting",
        Response::Loaded(_) => "a loaded model",
        Response::Encoded { .. } => "outputs",
        Response::Memory { .. } => "memory use",
        Response::Share(_) => "a share of the matrix rate",
        Response::Failed { message } => return WorkerError::Reported(message.clone()),
    };
    WorkerError::Protocol(format!("{kind} came where another answer was due"))
}
