//! The lines of a journal.

use serde::{Deserialize, Serialize};

use crate::record::{Call, Failure, RunRecord, Session};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When it was written, nanoseconds since 1970-01-01 UTC.
    pub unix_ns: u64,
    /// What happened.
    pub event: Event,
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The run begins. Always the first line, and only that.
    Begun(Box<Header>),
    /// A new process of gatecheck goes on with it.
    Resumed,
    /// A part of the run begins: `load`, `warm-up`, `latency`, `throughput`.
    Phase(String),
    /// A process of an arm is ready, and its calls follow; or it could not be started or loaded, and its failure
    /// does. Memory is that before and after loading.
    Session {
        /// Position of the arm.
        arm: u32,
        /// The process.
        session: Session,
    },
    /// An arm finished a block.
    Block(Block),
    /// An arm failed. What it had measured of the block at work may follow, and nothing else.
    Failed {
        /// Position of the arm.
        arm: u32,
        /// How.
        failure: Failure,
    },
    /// A doubt about the measurement.
    Warning(String),
    /// The user stopped the run.
    Interrupted,
    /// Everything is measured.
    Finished {
        /// One-minute load average.
        load_after: Option<f64>,
    },
}

/// Everything that is known before measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the journal's format, [`super::SCHEMA_VERSION`] when written by this build.
    pub schema_version: u32,
    /// The record so far, its arms without sessions, calls and outputs.
    pub record: RunRecord,
    /// What the program needs to plan the same run again. Only the program knows what it means.
    pub run: serde_json::Value,
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// One query a call.
    Latency,
    /// Whole batches.
    Throughput,
}

/// The calls of one arm in one block of the schedule; the lists have one entry per call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Position of the arm.
    pub arm: u32,
    /// The phase.
    pub phase: Phase,
    /// Number of the block in its phase.
    pub block: u32,
    /// The arm's session.
    pub session: u32,
    /// As in [`Call`].
    pub item: Vec<u32>,
    /// As in [`Call`].
    pub examples: Vec<u32>,
    /// As in [`Call`].
    pub tokens: Vec<u32>,
    /// As in [`Call`].
    pub ns: Vec<u64>,
    /// The examples whose outputs follow; none where outputs are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scored: Vec<u32>,
    /// Their outputs, `output_width` numbers each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<f32>,
    /// Resident memory after the block, where the arm was still there to be asked.
    pub memory: Option<MemoryReading>,
}

/// Resident memory of an arm's process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryReading {
    /// Now.
    pub current: u64,
    /// Highest ever.
    pub peak: u64,
    /// Highest of the backend's own allocator.
    pub backend_peak: Option<u64>,
}

impl Block {
    /// An empty block.
    pub fn new(arm: u32, phase: Phase, block: u32, session: u32) -> Self {
        Self {
            arm,
            phase,
            block,
            session,
            item: Vec::new(),
            examples: Vec::new(),
            tokens: Vec::new(),
            ns: Vec::new(),
            scored: Vec::new(),
            outputs: Vec::new(),
            memory: None,
        }
    }

    /// Adds a call; what it says of block and session is taken as this block's.
    pub fn push(&mut self, call: &Call) {
        self.item.push(call.item);
        self.examples.push(call.examples);
        self.tokens.push(call.tokens);
        self.ns.push(call.ns);
    }

    /// Its calls, as far as every list tells of them.
    pub fn calls(&self) -> impl Iterator<Item = Call> {
        let lists = self.item.iter().zip(&self.examples).zip(&self.tokens).zip(&self.ns);
        lists.map(|(((item, examples), tokens), ns)| Call {
            block: self.block,
            item: *item,
            examples: *examples,
            tokens: *tokens,
            ns: *ns,
            session: self.session,
        })
    }
}
