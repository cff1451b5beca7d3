//! One arm at work: its process, and the part of the record it fills.

use std::time::{Duration, Instant};

use gatecheck_backend::{
    Phase,
    worker::{
        Launcher, Worker, WorkerError,
        protocol::{Loaded, Request, Response, Share},
    },
};
use gatecheck_judge::{
    journal::{self, Block, Event as Entry, MemoryReading},
    record::{Call, Environment, Failure, Memory, Session},
};
use gatecheck_model::batch::Batch;

use super::{
    clock::unix_seconds,
    log::{Log, Stop},
    progress::ArmProgress,
};
use crate::{
    app::backends::engine,
    app::cell::{ArmPlan, Cell},
    app::event::Event,
};

/// What a timed call took, and what it gave: numbers per row, and the rows' numbers.
struct Answer {
    ns: u64,
    width: usize,
    values: Vec<f32>,
}

pub(super) struct Arm<'a> {
    cell: &'a Cell,
    plan: &'a ArmPlan,
    number: u32,
    /// The machine, for the sessions.
    environment: &'a Environment,
    worker: Option<Box<dyn Worker>>,
    /// The part of the run that the worker knows of.
    told: Option<Phase>,
    /// Sessions begun, by this run or before it was resumed.
    sessions: u32,
    /// How long the process took to start and load.
    loading: Duration,
    throughput_s: f64,
}

impl<'a> Arm<'a> {
    pub(super) fn new(
        number: u32,
        cell: &'a Cell,
        environment: &'a Environment,
        so_far: ArmProgress,
    ) -> Self {
        let ArmProgress { sessions, failed: _, throughput_s } = so_far;
        let plan = &cell.arms[number as usize];
        Self {
            cell,
            plan,
            number,
            environment,
            worker: None,
            told: None,
            sessions,
            loading: Duration::ZERO,
            throughput_s,
        }
    }

    pub(super) fn start(&mut self, launcher: &dyn Launcher, log: &mut Log<'_>) -> Result<(), Stop> {
        let start = Instant::now();
        let mut session = Session {
            started_unix_s: unix_seconds(),
            environment: self.environment.clone(),
            ..Session::default()
        };
        let failed = match launcher.launch() {
            Err(error) => Some(("launch", error)),
            Ok(worker) => {
                (self.worker, self.told) = (Some(worker), None);
                match self.request(&Request::Load(self.plan.spec.clone())) {
                    Ok(Response::Loaded(loaded)) => {
                        tell(loaded, &mut session);
                        self.unchanged().err().map(|error| (Phase::Load.name(), error))
                    }
                    Ok(other) => Some((Phase::Load.name(), unexpected(&other))),
                    Err(error) => Some((Phase::Load.name(), error)),
                }
            }
        };
        self.loading = start.elapsed();
        if !matches!(failed, Some((_, WorkerError::Stopped))) {
            log.keep(Entry::Session { arm: self.number, session })?;
            self.sessions += 1;
        }
        failed.map_or(Ok(()), |(phase, error)| self.fail(phase, &error, log))
    }

    /// Refuses files that are not those that the run was planned with: what was just loaded would be another model
    /// under the same checksum.
    fn unchanged(&self) -> Result<(), WorkerError> {
        self.plan.changed().map_or(Ok(()), |file| Err(WorkerError::Changed(file.to_owned())))
    }

    /// Goes on in a new process. Where the pages of a process lie makes two processes of one program differ by
    /// a percent or so, which no number of blocks in one process can show.
    pub(super) fn renew(&mut self, launcher: &dyn Launcher, log: &mut Log<'_>) -> Result<(), Stop> {
        // None is started for an arm that has failed.
        match self.worker.take() {
            Some(old) => {
                drop(old);
                self.start(launcher, log)
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

    /// Seconds of work in the throughput phase so far; without end once the arm has failed.
    pub(super) fn throughput_s(&self) -> f64 {
        if !self.works() {
            return f64::INFINITY;
        }
        self.throughput_s
    }

    /// One call that is not recorded. Returns its duration, or nothing when the arm has failed.
    pub(super) fn rehearse(&mut self, batch: &Batch, log: &mut Log<'_>) -> Result<Option<u64>, Stop> {
        self.enter(Phase::WarmUp, log)?;
        Ok(self.encode(Phase::WarmUp, batch.clone(), log)?.map(|answer| answer.ns))
    }

    /// How near a batch comes to what its matrix products allow, where the backend knows. No measurement, so
    /// nothing is recorded if it fails.
    pub(super) fn share(&mut self, batch: Batch) -> Result<Option<Share>, Stop> {
        match self.request(&Request::Share { batch }) {
            Ok(Response::Share(share)) => Ok(share),
            Err(WorkerError::Stopped) => Err(Stop::ByUser),
            _ => Ok(None),
        }
    }

    pub(super) fn latency_block(
        &mut self,
        block: u32,
        examples: &[usize],
        log: &mut Log<'_>,
    ) -> Result<(), Stop> {
        self.enter(Phase::Latency, log)?;
        self.pause();
        let mut block = self.block(journal::Phase::Latency, block);
        for example in examples {
            let batch = self.cell.query(*example)?;
            let (item, tokens) = (*example as u32, batch.tokens() as u32);
            let Some(answer) = self.encode(Phase::Latency, batch, log)? else { break };
            block.push(&Call { item, examples: 1, tokens, ns: answer.ns, ..Call::default() });
        }
        self.finish(block, Phase::Latency, log)
    }

    pub(super) fn throughput_block(
        &mut self,
        block: u32,
        items: &[usize],
        batches: &[Vec<usize>],
        scored: bool,
        log: &mut Log<'_>,
    ) -> Result<(), Stop> {
        self.enter(Phase::Throughput, log)?;
        self.pause();
        let mut block = self.block(journal::Phase::Throughput, block);
        for item in items {
            let examples = &batches[*item];
            let batch = self.cell.inputs.batch(examples)?;
            let (item, tokens) = (*item as u32, batch.tokens() as u32);
            let Some(answer) = self.encode(Phase::Throughput, batch, log)? else { break };
            let count = examples.len() as u32;
            block.push(&Call { item, examples: count, tokens, ns: answer.ns, ..Call::default() });
            self.throughput_s += answer.ns as f64 / 1e9;
            if scored {
                self.score(examples, &answer, &mut block);
            }
        }
        self.finish(block, Phase::Throughput, log)
    }

    fn block(&self, phase: journal::Phase, number: u32) -> Block {
        Block::new(self.number, phase, number, self.sessions.saturating_sub(1))
    }

    fn score(&self, examples: &[usize], answer: &Answer, block: &mut Block) {
        self.cell.read(examples, answer.width, &answer.values, |example, outputs| {
            block.scored.push(example as u32);
            block.outputs.extend_from_slice(outputs);
        });
    }

    /// Keeps a block: of an arm that failed in it, what there is.
    fn finish(&mut self, mut block: Block, phase: Phase, log: &mut Log<'_>) -> Result<(), Stop> {
        block.memory = self.memory(phase, log)?;
        if block.item.is_empty() { Ok(()) } else { log.keep(Entry::Block(block)) }
    }

    fn pause(&self) {
        if self.works() && self.cell.effort.pause > Duration::ZERO {
            std::thread::sleep(self.cell.effort.pause);
        }
    }

    /// Tells the worker which part of the run this is, unless it knows. The call is not timed.
    fn enter(&mut self, phase: Phase, log: &mut Log<'_>) -> Result<(), Stop> {
        if !self.works() || self.told == Some(phase) {
            return Ok(());
        }
        self.told = Some(phase);
        match self.request(&Request::Phase(phase)) {
            Ok(Response::Noted) => Ok(()),
            Ok(other) => self.fail(phase.name(), &unexpected(&other), log),
            Err(error) => self.fail(phase.name(), &error, log),
        }
    }

    fn encode(&mut self, phase: Phase, batch: Batch, log: &mut Log<'_>) -> Result<Option<Answer>, Stop> {
        if !self.works() {
            return Ok(None);
        }
        let rows = batch.rows();
        let wanted = self.cell.outputs.row_width;
        let error = match self.request(&Request::Encode { batch }) {
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
        self.fail(phase.name(), &error, log).map(|()| None)
    }

    fn memory(&mut self, phase: Phase, log: &mut Log<'_>) -> Result<Option<MemoryReading>, Stop> {
        if !self.works() {
            return Ok(None);
        }
        let error = match self.request(&Request::Memory) {
            Ok(Response::Memory { current, peak, backend_peak }) => {
                return Ok(Some(MemoryReading { current, peak, backend_peak }));
            }
            Ok(other) => unexpected(&other),
            Err(error) => error,
        };
        self.fail(phase.name(), &error, log).map(|()| None)
    }

    fn request(&mut self, request: &Request) -> Result<Response, WorkerError> {
        match &mut self.worker {
            Some(worker) => worker.call(request),
            None => Err(WorkerError::Died("it was not started".to_owned())),
        }
    }

    /// Records the failure and lets the process go.
    fn fail(&mut self, phase: &str, error: &WorkerError, log: &mut Log<'_>) -> Result<(), Stop> {
        if matches!(error, WorkerError::Stopped) {
            return Err(Stop::ByUser);
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
        log.observer.on_event(&Event::Failed { arm: &self.plan.name, message: &message });
        let failure = Failure { phase: phase.to_owned(), message, stderr };
        log.keep(Entry::Failed { arm: self.number, failure })
    }
}

/// What a loaded worker says of itself.
fn tell(loaded: Loaded, session: &mut Session) {
    let Loaded { facts, before, after } = loaded;
    session.device.clone_from(&facts.device);
    session.execution.clone_from(&facts.execution);
    session.engine = Some(engine(facts));
    session.memory = Memory { before_load: before, after_load: after, ..Memory::default() };
}

fn unexpected(response: &Response) -> WorkerError {
    let kind = match response {
        Response::Hello { .. } => "a greeting",
        Response::Loaded(_) => "a loaded model",
        Response::Encoded { .. } => "outputs",
        Response::Noted => "a nod",
        Response::Scored { .. } => "scores",
        Response::Token { .. } => "a token",
        Response::End { .. } => "the end of several answers",
        Response::Memory { .. } => "memory use",
        Response::Share(_) => "a share of the matrix rate",
        Response::Failed { message } => return WorkerError::Reported(message.clone()),
    };
    WorkerError::Protocol(format!("{kind} came where another answer was due"))
}
