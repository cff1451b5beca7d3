//! The timed calls of a session, and what they send.

use std::{
    cell::Cell,
    io::{self, Write},
    ops::ControlFlow,
    rc::Rc,
    time::Instant,
};

use gatecheck_model::batch::Batch;

use super::{
    protocol::{Response, Share},
    wire::send_response,
};
use crate::{
    Arm, BackendError, CallKind, Continuation, Diagnose, Encode, GenerateOptions, mock::MockBackend,
};

/// A loaded arm. One that follows a script has a clock of its own.
pub(super) enum Held {
    Real(Box<dyn Arm>),
    Mock(MockBackend),
}

impl Held {
    pub(super) fn arm(&mut self) -> &mut dyn Arm {
        match self {
            Self::Real(arm) => arm.as_mut(),
            Self::Mock(mock) => mock,
        }
    }

    fn start_clock(&self) -> Clock {
        match self {
            Self::Real(_) => Clock::Machine(Instant::now()),
            Self::Mock(mock) => Clock::Script { start: mock.clock().get(), now: mock.clock() },
        }
    }

    fn encode(&mut self) -> Result<&mut dyn Encode, BackendError> {
        self.arm().as_encode().ok_or(BackendError::Unable("encode"))
    }
}

/// The time since it was started.
enum Clock {
    Machine(Instant),
    Script { start: u64, now: Rc<Cell<u64>> },
}

impl Clock {
    fn ns(&self) -> u64 {
        match self {
            Self::Machine(start) => nanoseconds(*start),
            Self::Script { start, now } => now.get() - start,
        }
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Why a request has no good answer.
pub(super) enum Failure {
    /// For the parent.
    Said(String),
    /// There is no parent to tell.
    Pipe(io::Error),
}

impl From<BackendError> for Failure {
    /// An error with its cause and its hint, in one line.
    fn from(error: BackendError) -> Self {
        Self::Said(error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; hint: {hint}")))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Pipe(error)
    }
}

pub(super) fn encode(held: &mut Held, batch: &Batch) -> Result<Response, Failure> {
    let clock = held.start_clock();
    let rows = held.encode()?.encode(batch)?;
    let ns = clock.ns();
    let width = rows.first().map_or(0, Vec::len);
    let values: Vec<f32> = rows.into_iter().flatten().collect();
    match values.iter().position(|value| !value.is_finite()) {
        Some(place) => Err(Failure::Said(format!(
            "output {} of row {} in a batch of {} is {}",
            place % width,
            place / width,
            batch.rows(),
            values[place]
        ))),
        None => Ok(Response::Encoded { ns, width: width as u32, values }),
    }
}

/// Sends the scores of each continuation.
pub(super) fn score(
    held: &mut Held,
    continuations: &[Continuation],
    writer: &mut impl Write,
) -> Result<Response, Failure> {
    let clock = held.start_clock();
    let scores = held.arm().as_score().ok_or(BackendError::Unable("score"))?.score(continuations)?;
    let ns = clock.ns();
    for (row, scores) in scores.into_iter().enumerate() {
        if let Some(token) = scores.iter().position(|score| !score.log_probability.is_finite()) {
            let value = scores[token].log_probability;
            let message = format!("the log-probability of token {token} of continuation {row} is {value}");
            return Err(Failure::Said(message));
        }
        send_response(writer, &Response::Scored { scores })?;
    }
    Ok(Response::End { ns, ending: None })
}

/// Sends each token when it comes.
pub(super) fn generate(
    held: &mut Held,
    prompt: &[u32],
    options: &GenerateOptions,
    writer: &mut impl Write,
) -> Result<Response, Failure> {
    let clock = held.start_clock();
    let (mut kind, mut sent) = (CallKind::Prefill, Ok(()));
    let mut on_token = |id| {
        sent = send_response(writer, &Response::Token { kind, id, ns: clock.ns() });
        kind = CallKind::Decode;
        if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let generator = held.arm().as_generate().ok_or(BackendError::Unable("generate"))?;
    let ending = generator.generate(prompt, options, &mut on_token)?;
    sent?;
    Ok(Response::End { ns: clock.ns(), ending: Some(ending) })
}

/// Alternately the batch and its products, so that both see the same machine.
pub(super) fn share(held: &mut Held, batch: &Batch) -> Result<Option<Share>, BackendError> {
    let floor = |held: &mut Held| diagnosed(held, |arm| arm.floor(batch));
    let Some(mut floor_now) = floor(held)? else { return Ok(None) };
    let Some(highest_rate) = diagnosed(held, |arm| Ok(arm.highest_rate()))? else { return Ok(None) };
    let mut shortest = u64::MAX;
    for round in 0..4 {
        let start = Instant::now();
        held.encode()?.encode(batch)?;
        shortest = shortest.min(nanoseconds(start));
        if round == 1
            && let Some(again) = floor(held)?
        {
            floor_now.ns = floor_now.ns.min(again.ns);
        }
    }
    let (floor_ns, operations, highest_rate) = (floor_now.ns, floor_now.operations, highest_rate as u64);
    Ok(Some(Share { ns: shortest, floor_ns, operations, highest_rate }))
}

fn diagnosed<T>(
    held: &mut Held,
    ask: impl FnOnce(&mut dyn Diagnose) -> Result<Option<T>, BackendError>,
) -> Result<Option<T>, BackendError> {
    held.arm().as_diagnose().map_or(Ok(None), ask)
}
