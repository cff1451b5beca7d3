//! Scoring and generation through the real program: one process, one pipe, exact numbers.

use std::time::Duration;

use gatecheck_backend::{
    CallKind, Continuation, Ending, GenerateOptions, Phase, Sampling,
    mock::MockScript,
    worker::{
        Launcher, Worker, WorkerError,
        process::ProcessLauncher,
        protocol::{BackendKind, Request, Response, WorkerSpec},
    },
};

use crate::{arms::Turn, golden::Golden};

fn launched(backend: BackendKind, folder: &std::path::Path) -> Box<dyn Worker> {
    let program = env!("CARGO_BIN_EXE_gatecheck").into();
    let launcher = ProcessLauncher { program, deadline: Duration::from_secs(60), stop: Default::default() };
    let mut worker = launcher.launch().unwrap();
    let loaded = worker
        .call(&Request::Load(WorkerSpec { backend, folder: folder.to_owned(), original: None, threads: 1 }))
        .unwrap();
    assert!(matches!(loaded, Response::Loaded(_)), "{loaded:?}");
    worker
}

fn mock(script: MockScript) -> Box<dyn Worker> {
    launched(BackendKind::Mock(script), "none".as_ref())
}

/// All answers to a request, the last one included.
fn answers(worker: &mut dyn Worker, request: &Request) -> Vec<Response> {
    let mut answers = Vec::new();
    let last = worker.stream(request, &mut |response| answers.push(response)).unwrap();
    answers.push(last);
    answers
}

#[test]
fn scores_and_tokens_come_through_a_process() {
    let mut worker = mock(MockScript { ns_per_call: 7, ns_per_token: 2, ..MockScript::default() });
    assert_eq!(worker.call(&Request::Phase(Phase::WarmUp)).unwrap(), Response::Noted);
    let options = GenerateOptions { most_tokens: 4, stop: Vec::new(), sampling: Sampling::Greedy };
    let prompt = vec![3, 1, 4];
    let generated = answers(&mut *worker, &Request::Generate { prompt: prompt.clone(), options });
    // ((3·31 + 1)·31 + 4) mod 32 = 6, and so on with the answers appended.
    let (mut text, mut expected) = (prompt.clone(), Vec::new());
    for number in 0..4_u64 {
        let sum = text.iter().fold(0_u32, |sum, id| sum.wrapping_mul(31).wrapping_add(*id));
        let kind = if number == 0 { CallKind::Prefill } else { CallKind::Decode };
        expected.push(Response::Token { kind, id: sum % 32, ns: 13 + 9 * number });
        text.push(sum % 32);
    }
    assert!(matches!(expected[0], Response::Token { id: 6, .. }));
    expected.push(Response::End { ns: 40, ending: Some(Ending::Length) });
    assert_eq!(generated, expected);

    let continuations =
        [&text[3..], &[31]].map(|tokens| Continuation { context: prompt.clone(), tokens: tokens.to_vec() });
    let scored = answers(&mut *worker, &Request::Score { continuations: continuations.to_vec() });
    let [Response::Scored { scores: likely }, Response::Scored { scores: unlikely }, end] = scored.as_slice()
    else {
        panic!("{scored:?}")
    };
    assert!(likely.len() == 4 && likely.iter().all(|score| score.greedy));
    assert!(likely.iter().all(|score| score.log_probability == 0.5_f32.ln()));
    assert_eq!((unlikely.len(), unlikely[0].greedy), (1, false));
    assert_eq!(unlikely[0].log_probability, (0.5_f32 / 31.0).ln());
    // 7 + 4 and 3 + 1 tokens.
    assert_eq!(*end, Response::End { ns: 7 + 2 * (7 + 4), ending: None });
}

#[test]
fn a_stream_that_breaks_is_an_error() {
    let fail_in = Some(Phase::Throughput);
    let mut worker = mock(MockScript { fail_in, fail_by: "kill".to_owned(), ..MockScript::default() });
    let continuations = vec![Continuation { context: vec![1], tokens: vec![2] }];
    let request = Request::Score { continuations };
    assert_eq!(answers(&mut *worker, &request).len(), 2);
    worker.call(&Request::Phase(Phase::Throughput)).unwrap();
    let error = worker.stream(&request, &mut |_| ()).unwrap_err();
    assert!(matches!(error, WorkerError::Died(_)), "{error}");
}

#[test]
fn encoders_neither_score_nor_generate() {
    let golden = Golden::open("bert/classifier-odd");
    for (name, arm) in Turn::take().all(&golden.folder) {
        let mut arm = arm.unwrap();
        assert!(arm.as_encode().is_some() && arm.as_diagnose().is_some(), "{name}");
        assert!(arm.as_score().is_none() && arm.as_generate().is_none(), "{name}");
    }
    let mut worker = launched(BackendKind::Candle, &golden.folder);
    let error = worker.call(&Request::Score { continuations: Vec::new() }).unwrap_err();
    assert_eq!(error.to_string(), "this arm cannot score");
}
