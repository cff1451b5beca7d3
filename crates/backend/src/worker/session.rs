//! The worker's side: loads a backend, answers requests, and owns the clock.

use std::{
    io::{Read, Write},
    time::Instant,
};

use gatecheck_model::batch::Batch;

use super::protocol::{
    BackendKind, Loaded, MAGIC, PROTOCOL, Request, Response, Share, WorkerSpec, receive_request,
    send_response,
};
use crate::{
    Backend, BackendError, LoadOptions,
    measure::{allocator, memory::resident},
    mock::MockBackend,
};

enum Arm {
    Real(Box<dyn Backend>),
    Mock(MockBackend),
}

/// Loads a model into the backend of that kind; never asked for a scripted one.
pub type Load = fn(&BackendKind, &LoadOptions) -> Result<Box<dyn Backend>, BackendError>;

/// Answers requests until the parent closes the pipe.
pub fn serve(reader: &mut impl Read, writer: &mut impl Write, load: Load) -> std::io::Result<()> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    send_response(writer, &Response::Hello { magic: MAGIC.to_owned(), protocol: PROTOCOL, version })?;
    let mut arm = None;
    while let Some(request) = receive_request(reader)? {
        let response = answer(&mut arm, request, load).unwrap_or_else(|message| Response::Failed { message });
        send_response(writer, &response)?;
    }
    Ok(())
}

fn answer(arm: &mut Option<Arm>, request: Request, load: Load) -> Result<Response, String> {
    match request {
        Request::Load(spec) => {
            let before = resident().current;
            allocator::keep_memory();
            let loaded = open(&spec, load).map_err(|error| described(&error))?;
            allocator::give_back();
            let facts = match &loaded {
                Arm::Real(backend) => backend.facts(),
                Arm::Mock(backend) => backend.facts(),
            };
            *arm = Some(loaded);
            let crate::Facts { device, execution, library } = facts;
            Ok(Response::Loaded(Loaded { device, execution, library, before, after: resident().current }))
        }
        Request::Encode { phase, batch } => {
            let arm = arm.as_mut().ok_or("nothing is loaded")?;
            encode(arm, &phase, &batch).map_err(|error| described(&error))
        }
        Request::Share { batch } => match arm.as_mut().ok_or("nothing is loaded")? {
            Arm::Real(backend) => {
                share(backend.as_mut(), &batch).map(Response::Share).map_err(|error| described(&error))
            }
            Arm::Mock(_) => Ok(Response::Share(None)),
        },
        Request::Memory => {
            let backend_peak = match arm {
                Some(Arm::Real(backend)) => backend.peak_memory(),
                _ => None,
            };
            let memory = resident();
            Ok(Response::Memory { current: memory.current, peak: memory.peak, backend_peak })
        }
    }
}

/// An error with its cause and its hint, in one line.
fn described(error: &BackendError) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; hint: {hint}"))
}

fn open(spec: &WorkerSpec, load: Load) -> Result<Arm, BackendError> {
    let options = LoadOptions { folder: spec.folder.clone(), threads: spec.threads as usize };
    match &spec.backend {
        BackendKind::Mock(script) => Ok(Arm::Mock(MockBackend::load(script.clone())?)),
        kind => Ok(Arm::Real(load(kind, &options)?)),
    }
}

/// Alternately the batch and its products, so that both see the same machine.
fn share(backend: &mut dyn Backend, batch: &Batch) -> Result<Option<Share>, BackendError> {
    let Some(mut floor) = backend.floor(batch)? else { return Ok(None) };
    let Some(highest_rate) = backend.highest_rate() else { return Ok(None) };
    let mut shortest = u64::MAX;
    for round in 0..4 {
        let start = Instant::now();
        backend.encode(batch)?;
        shortest = shortest.min(nanoseconds(start));
        if round == 1
            && let Some(again) = backend.floor(batch)?
        {
            floor.ns = floor.ns.min(again.ns);
        }
    }
    let (floor_ns, operations, highest_rate) = (floor.ns, floor.operations, highest_rate as u64);
    Ok(Some(Share { ns: shortest, floor_ns, operations, highest_rate }))
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn encode(arm: &mut Arm, phase: &str, batch: &Batch) -> Result<Response, BackendError> {
    let (rows, ns) = match arm {
        Arm::Real(backend) => {
            let start = Instant::now();
            let rows = backend.encode(batch)?;
            (rows, nanoseconds(start))
        }
        Arm::Mock(backend) => {
            let broken = backend.misbehave(phase)?;
            let mut rows = backend.encode(batch)?;
            if broken {
                rows[0][0] = f32::NAN;
            }
            (rows, backend.duration_ns(batch))
        }
    };
    let width = rows.first().map_or(0, Vec::len);
    let values: Vec<f32> = rows.into_iter().flatten().collect();
    match values.iter().position(|value| !value.is_finite()) {
        Some(place) => Ok(Response::Failed {
            message: format!(
                "output {} of row {} in a batch of {} is {}",
                place % width,
                place / width,
                batch.rows(),
                values[place]
            ),
        }),
        None => Ok(Response::Encoded { ns, width: width as u32, values }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::MockScript;
    use gatecheck_model::batch::Encoded;

    use crate::worker::protocol::{receive_response, send_request};

    fn talk(script: MockScript, requests: &[Request]) -> Vec<Response> {
        let spec = WorkerSpec { backend: BackendKind::Mock(script), folder: "none".into(), threads: 1 };
        let mut input = Vec::new();
        send_request(&mut input, &Request::Load(spec)).unwrap();
        for request in requests {
            send_request(&mut input, request).unwrap();
        }
        let mut output = Vec::new();
        serve(&mut input.as_slice(), &mut output, |_, _| Err(BackendError::WithoutMlx)).unwrap();
        let mut reader = output.as_slice();
        std::iter::from_fn(|| receive_response(&mut reader).unwrap()).collect()
    }

    fn encode_request() -> Request {
        let row = Encoded { ids: vec![1, 2], type_ids: vec![0, 0], truncated: false };
        Request::Encode { phase: "latency".to_owned(), batch: Batch::new([&row]) }
    }

    #[test]
    fn greets_loads_and_answers() {
        let script = MockScript { ns_per_call: 5, ns_per_token: 10, ..MockScript::default() };
        let answers = talk(script, &[encode_request(), Request::Memory]);
        assert!(matches!(&answers[0], Response::Hello { magic, protocol: PROTOCOL, .. } if magic == MAGIC));
        assert!(matches!(&answers[1], Response::Loaded(loaded) if loaded.device == "cpu"));
        // (1·31 + 2) mod 3 = 0
        assert_eq!(answers[2], Response::Encoded { ns: 25, width: 3, values: vec![2.0, 0.0, 0.0] });
        assert!(matches!(answers[3], Response::Memory { current, .. } if current > 0));
    }

    #[test]
    fn not_a_number_is_a_failure() {
        let script = MockScript {
            fail_in: Some("latency".to_owned()),
            fail_by: "nan".to_owned(),
            ..MockScript::default()
        };
        let answers = talk(script, &[encode_request()]);
        let Response::Failed { message } = &answers[2] else { panic!("{answers:?}") };
        assert_eq!(message, "output 0 of row 0 in a batch of 1 is NaN");
    }

    #[test]
    fn work_before_loading_is_refused() {
        let mut input = Vec::new();
        send_request(&mut input, &encode_request()).unwrap();
        let mut output = Vec::new();
        serve(&mut input.as_slice(), &mut output, |_, _| Err(BackendError::WithoutMlx)).unwrap();
        let mut reader = output.as_slice();
        receive_response(&mut reader).unwrap();
        let failed = Response::Failed { message: "nothing is loaded".to_owned() };
        assert_eq!(receive_response(&mut reader).unwrap(), Some(failed));
    }
}
