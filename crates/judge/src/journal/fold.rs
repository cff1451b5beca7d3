//! From the lines of a journal to a record.

use std::path::Path;

use super::{Block, Event, JournalError, Line, Phase, read::read};
use crate::record::{ArmRecord, Failure, RunRecord};

/// What a journal tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// The record so far; `interrupted` unless everything is measured.
    pub record: RunRecord,
    /// As in [`super::Header`].
    pub run: serde_json::Value,
    /// When the last line was written, nanoseconds since 1970-01-01 UTC.
    pub last_unix_ns: u64,
    /// Bytes of the whole lines; what follows them was torn.
    pub(super) bytes: u64,
}

/// Folds the journal in `folder`.
pub fn fold(folder: &Path) -> Result<Folded, JournalError> {
    let (mut state, mut last_unix_ns) = (None, 0);
    let bytes = read(folder, |Line { unix_ns, event }| {
        last_unix_ns = unix_ns;
        match (&mut state, event) {
            (None, Event::Begun(header)) => {
                state = Some(State::new(header.record, header.run, unix_ns));
                Ok(())
            }
            (Some(state), event) => state.take(unix_ns, event),
            (None, _) => Err("the run has not begun".to_owned()),
        }
    })?;
    let path = || folder.join(super::JOURNAL);
    let (record, run) = state.ok_or_else(|| JournalError::Headless { path: path() })?.end();
    Ok(Folded { record, run, last_unix_ns, bytes })
}

struct State {
    record: RunRecord,
    run: serde_json::Value,
    /// When the process that wrote the last line began, and what earlier ones took.
    since: u64,
    before: u64,
    /// For every arm its memory after each block.
    samples: Vec<Vec<Sample>>,
}

/// Resident memory after a block.
struct Sample {
    phase: Phase,
    block: u32,
    session: u32,
    bytes: u64,
}

impl State {
    fn new(mut record: RunRecord, run: serde_json::Value, since: u64) -> Self {
        let examples = record.gold.len();
        for arm in &mut record.arms {
            arm.outputs = vec![0.0; examples * arm.output_width as usize];
            arm.measured = vec![false; examples];
        }
        record.interrupted = true;
        let samples = record.arms.iter().map(|_| Vec::new()).collect();
        Self { record, run, since, before: 0, samples }
    }

    fn take(&mut self, unix_ns: u64, event: Event) -> Result<(), String> {
        if matches!(event, Event::Resumed) {
            self.before = self.record.wall_ns;
            self.since = unix_ns;
        }
        // The clock of the machine may have been set back meanwhile: no line takes from what went before.
        let wall_ns = self.before.saturating_add(unix_ns.saturating_sub(self.since));
        self.record.wall_ns = self.record.wall_ns.max(wall_ns);
        match event {
            Event::Begun(_) | Event::Resumed | Event::Phase(_) | Event::Interrupted => {}
            Event::Session { arm, session } => self.arm(arm)?.sessions.push(session),
            Event::Block(block) => self.add(block)?,
            Event::Failed { arm, failure } => self.fail(arm, failure)?,
            Event::Warning(text) => self.record.warnings.push(text),
            Event::Finished { load_after } => self.finish(load_after),
        }
        Ok(())
    }

    fn arm(&mut self, arm: u32) -> Result<&mut ArmRecord, String> {
        self.record.arms.get_mut(arm as usize).ok_or_else(|| format!("there is no arm {arm}"))
    }

    fn fail(&mut self, arm: u32, failure: Failure) -> Result<(), String> {
        self.arm(arm)?.failure = Some(failure);
        Ok(())
    }

    fn finish(&mut self, load_after: Option<f64>) {
        self.record.interrupted = false;
        for session in self.record.arms.iter_mut().filter_map(|arm| arm.sessions.last_mut()) {
            session.environment.load_after = load_after;
        }
    }

    /// Takes a block into its arm. One that is there already was measured again: with what came after it, the
    /// earlier one goes.
    fn add(&mut self, block: Block) -> Result<(), String> {
        let arm = self.arm(block.arm)?;
        check(arm, &block)?;
        add(arm, &block);
        let samples = &mut self.samples[block.arm as usize];
        samples.retain(|sample| sample.phase != block.phase || sample.block < block.block);
        if let Some(reading) = block.memory {
            let (Block { phase, block, session, .. }, bytes) = (block, reading.current);
            samples.push(Sample { phase, block, session, bytes });
        }
        Ok(())
    }

    /// What is left when the journal ends.
    fn end(mut self) -> (RunRecord, serde_json::Value) {
        for (arm, samples) in self.record.arms.iter_mut().zip(self.samples) {
            for Sample { session, bytes, .. } in samples {
                arm.sessions[session as usize].memory.samples.push(bytes);
            }
        }
        (self.record, self.run)
    }
}

/// Takes calls and outputs of a block that fits the arm; and its peaks, which are those of the process whatever
/// becomes of the block.
fn add(arm: &mut ArmRecord, block: &Block) {
    let calls = match block.phase {
        Phase::Latency => &mut arm.latency,
        Phase::Throughput => &mut arm.throughput,
    };
    while calls.last().is_some_and(|call| call.block >= block.block) {
        calls.pop();
    }
    calls.extend(block.calls());
    let width = arm.output_width as usize;
    for (example, outputs) in block.scored.iter().zip(block.outputs.chunks_exact(width.max(1))) {
        let example = *example as usize;
        arm.outputs[example * width..(example + 1) * width].copy_from_slice(outputs);
        arm.measured[example] = true;
    }
    if let Some(reading) = block.memory {
        let memory = &mut arm.sessions[block.session as usize].memory;
        memory.peak = memory.peak.max(reading.peak);
        memory.backend_peak = memory.backend_peak.max(reading.backend_peak);
    }
}

fn check(arm: &ArmRecord, block: &Block) -> Result<(), String> {
    let calls = block.item.len();
    if [block.examples.len(), block.tokens.len(), block.ns.len()].iter().any(|length| *length != calls) {
        return Err("the lists of a block are not of one length".to_owned());
    }
    if block.session as usize >= arm.sessions.len() {
        return Err(format!("arm `{}` has no session {}", arm.name, block.session));
    }
    if block.outputs.len() != block.scored.len() * arm.output_width as usize {
        return Err(format!("{} outputs for {} examples", block.outputs.len(), block.scored.len()));
    }
    match block.scored.iter().find(|example| **example as usize >= arm.measured.len()) {
        Some(example) => Err(format!("there is no example {example}")),
        None => Ok(()),
    }
}
