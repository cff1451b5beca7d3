//! The worker's side: loads a backend, answers requests, and owns the clock.

use std::io::{self, Read, Write};

use super::{
    calls::{self, Failure, Held},
    protocol::{BackendKind, Loaded, MAGIC, PROTOCOL, Request, Response, WorkerSpec},
    wire::{receive_request, send_response},
};
use crate::{
    Arm, BackendError, LoadOptions,
    measure::{allocator, memory::resident},
    mock::MockBackend,
};

/// Loads a model into the backend of that kind; never asked for a scripted one.
pub type Load = fn(&BackendKind, &LoadOptions) -> Result<Box<dyn Arm>, BackendError>;

/// The program that a worker is part of.
pub struct Program {
    /// Its version.
    pub version: &'static str,
    /// Version of a package that it is built from.
    pub version_of: fn(&str) -> Option<&'static str>,
    /// Loads an arm.
    pub load: Load,
}

/// Answers requests until the parent closes the pipe.
pub fn serve(reader: &mut impl Read, writer: &mut impl Write, program: &Program) -> io::Result<()> {
    let version = program.version.to_owned();
    send_response(writer, &Response::Hello { magic: MAGIC.to_owned(), protocol: PROTOCOL, version })?;
    let mut arm = None;
    while let Some(request) = receive_request(reader)? {
        let response = match answer(&mut arm, request, program, writer) {
            Ok(response) => response,
            Err(Failure::Said(message)) => Response::Failed { message },
            Err(Failure::Pipe(error)) => return Err(error),
        };
        send_response(writer, &response)?;
    }
    Ok(())
}

/// Gives the last answer to a request; sends those before it.
fn answer(
    arm: &mut Option<Held>,
    request: Request,
    program: &Program,
    writer: &mut impl Write,
) -> Result<Response, Failure> {
    let held = arm.as_mut().ok_or_else(|| Failure::Said("nothing is loaded".to_owned()));
    match request {
        Request::Load(spec) => {
            let before = resident().current;
            allocator::keep_memory();
            let mut loaded = open(&spec, program)?;
            allocator::give_back();
            let facts = loaded.arm().facts().with_versions(program.version_of);
            *arm = Some(loaded);
            Ok(Response::Loaded(Loaded { facts, before, after: resident().current }))
        }
        Request::Phase(phase) => {
            if let Held::Mock(mock) = held? {
                mock.enter(phase);
            }
            Ok(Response::Noted)
        }
        Request::Encode { batch } => calls::encode(held?, &batch),
        Request::Score { continuations } => calls::score(held?, &continuations, writer),
        Request::Generate { prompt, options } => calls::generate(held?, &prompt, &options, writer),
        Request::Share { batch } => Ok(Response::Share(calls::share(held?, &batch)?)),
        Request::Memory => {
            let backend_peak = arm.as_mut().and_then(|held| held.arm().peak_memory());
            let memory = resident();
            Ok(Response::Memory { current: memory.current, peak: memory.peak, backend_peak })
        }
    }
}

fn open(spec: &WorkerSpec, program: &Program) -> Result<Held, BackendError> {
    let options = LoadOptions {
        folder: spec.folder.clone(),
        original: spec.original.clone(),
        threads: spec.threads as usize,
    };
    match &spec.backend {
        BackendKind::Mock(script) => Ok(Held::Mock(MockBackend::load(script.clone())?)),
        kind => Ok(Held::Real((program.load)(kind, &options)?)),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
