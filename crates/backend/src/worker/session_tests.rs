use gatecheck_model::batch::{Batch, Encoded};

use super::*;
use crate::{
    CallKind, Continuation, Ending, GenerateOptions, Phase, Sampling,
    mock::MockScript,
    worker::wire::{receive_response, send_request},
};

const PROGRAM: Program = Program {
    version: "1.2.3",
    version_of: |name| (name == "mock").then_some("4.5.6"),
    load: |_, _| Err(BackendError::WithoutMlx),
};

/// The answers to loading that script, and to these requests.
fn talk(script: MockScript, requests: &[Request]) -> Vec<Response> {
    let spec =
        WorkerSpec { backend: BackendKind::Mock(script), folder: "none".into(), original: None, threads: 1 };
    say(&[&[Request::Load(spec)], requests].concat()).split_off(1)
}

fn say(requests: &[Request]) -> Vec<Response> {
    let mut input = Vec::new();
    for request in requests {
        send_request(&mut input, request).unwrap();
    }
    let mut output = Vec::new();
    serve(&mut input.as_slice(), &mut output, &PROGRAM).unwrap();
    let mut reader = output.as_slice();
    std::iter::from_fn(|| receive_response(&mut reader).unwrap()).collect()
}

fn encode_request() -> Request {
    let row = Encoded { ids: vec![1, 2], type_ids: vec![0, 0], truncated: false };
    Request::Encode { batch: Batch::new([&row]) }
}

fn failing(phase: Phase, fail_by: &str) -> MockScript {
    MockScript { fail_in: Some(phase), fail_by: fail_by.to_owned(), ..MockScript::default() }
}

/// 5 ns a call and 10 a token.
fn timed() -> MockScript {
    MockScript { ns_per_call: 5, ns_per_token: 10, ..MockScript::default() }
}

#[test]
fn greets_loads_and_answers() {
    let greeting =
        Response::Hello { magic: MAGIC.to_owned(), protocol: PROTOCOL, version: "1.2.3".to_owned() };
    assert_eq!(say(&[]), [greeting]);
    let answers = talk(timed(), &[encode_request(), encode_request(), Request::Memory]);
    let Response::Loaded(loaded) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(
        (loaded.facts.device.as_str(), loaded.facts.engine.version.as_deref()),
        ("cpu", Some("4.5.6"))
    );
    // (1·31 + 2) mod 3 = 0
    let encoded = Response::Encoded { ns: 25, width: 3, values: vec![2.0, 0.0, 0.0] };
    assert_eq!(answers[1..3], [encoded.clone(), encoded]);
    assert!(matches!(answers[3], Response::Memory { current, .. } if current > 0));
}

#[test]
fn continuations_are_scored_token_by_token() {
    // After [1] comes 1, after [1, 1] 32 mod 32 = 0, after [1, 1, 5] (32·31 + 5) mod 32 = 5.
    let continuations = vec![
        Continuation { context: vec![1], tokens: vec![1, 5, 5] },
        Continuation { context: vec![2], tokens: Vec::new() },
    ];
    let answers = talk(timed(), &[Request::Score { continuations }]);
    let [_, Response::Scored { scores }, second, end] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(scores.iter().map(|score| score.greedy).collect::<Vec<_>>(), [true, false, true]);
    let [half, rest] = [0.5_f32.ln(), (0.5_f32 / 31.0).ln()];
    let found: Vec<_> = scores.iter().map(|score| score.log_probability).collect();
    assert_eq!(found, [half, rest, half]);
    assert_eq!(*second, Response::Scored { scores: Vec::new() });
    assert_eq!(*end, Response::End { ns: 55, ending: None });
}

fn generate(most_tokens: u32, stop: &[u32], sampling: Sampling) -> Vec<Response> {
    let options = GenerateOptions { most_tokens, stop: stop.to_vec(), sampling };
    talk(timed(), &[Request::Generate { prompt: vec![1, 2], options }]).split_off(1)
}

#[test]
fn tokens_come_one_by_one_with_their_times() {
    // (1·31 + 2) mod 32 = 1, then (33·31 + 1) mod 32 = 0, then 1024·31 mod 32 = 0.
    let token = |kind, id, ns| Response::Token { kind, id, ns };
    let expected = [
        token(CallKind::Prefill, 1, 25),
        token(CallKind::Decode, 0, 40),
        token(CallKind::Decode, 0, 55),
        Response::End { ns: 55, ending: Some(Ending::Length) },
    ];
    assert_eq!(generate(3, &[], Sampling::Greedy), expected);
    let stopped = [expected[0].clone(), expected[1].clone()];
    let end = Response::End { ns: 40, ending: Some(Ending::Stop) };
    assert_eq!(generate(3, &[7, 0], Sampling::Greedy), [&stopped[..], &[end]].concat());
    assert_eq!(generate(0, &[], Sampling::Greedy), [Response::End { ns: 0, ending: Some(Ending::Length) }]);
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let with = |seed| generate(8, &[], Sampling::Random { temperature: 1.0, top_p: 1.0, seed });
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn a_generated_text_is_the_likely_one() {
    let ids = |answers: Vec<Response>| -> Vec<u32> {
        answers
            .iter()
            .filter_map(|it| if let Response::Token { id, .. } = it { Some(*id) } else { None })
            .collect()
    };
    let tokens = ids(generate(6, &[], Sampling::Greedy));
    assert_eq!(tokens.len(), 6);
    let continuations = vec![Continuation { context: vec![1, 2], tokens }];
    let answers = talk(timed(), &[Request::Score { continuations }]);
    let Response::Scored { scores } = &answers[1] else { panic!("{answers:?}") };
    assert!(scores.len() == 6 && scores.iter().all(|score| score.greedy));
}

#[test]
fn a_script_fails_in_its_phase_alone() {
    let requests =
        [Phase::WarmUp, Phase::Latency].map(|phase| [Request::Phase(phase), encode_request()]).concat();
    let answers = talk(failing(Phase::Latency, "error"), &requests);
    let [_, Response::Noted, Response::Encoded { .. }, Response::Noted, Response::Failed { message }] =
        answers.as_slice()
    else {
        panic!("{answers:?}")
    };
    assert_eq!(message, "mock failed: the script fails in latency");
}

#[test]
fn not_a_number_is_a_failure() {
    let continuations = vec![Continuation { context: vec![1], tokens: vec![1] }];
    for (request, expected) in [
        (encode_request(), "output 0 of row 0 in a batch of 1 is NaN"),
        (Request::Score { continuations }, "the log-probability of token 0 of continuation 0 is NaN"),
    ] {
        let answers = talk(failing(Phase::Latency, "nan"), &[Request::Phase(Phase::Latency), request]);
        assert_eq!(answers[2], Response::Failed { message: expected.to_owned() });
    }
}

#[test]
fn work_before_loading_is_refused() {
    let failed = Response::Failed { message: "nothing is loaded".to_owned() };
    assert_eq!(say(&[encode_request()])[1], failed);
    assert_eq!(say(&[Request::Phase(Phase::Latency)])[1], failed);
}

/// An arm that can do nothing.
struct Idle;

impl crate::Model for Idle {
    fn facts(&self) -> crate::Facts {
        MockBackend::load(MockScript::default()).unwrap().facts()
    }

    fn peak_memory(&self) -> Option<u64> {
        Some(9)
    }
}

impl Arm for Idle {}

#[test]
fn a_script_that_cannot_be_followed_is_refused() {
    for (width, vocabulary) in [(0, 32), (1 << 40, 32), (3, 1)] {
        let error = MockBackend::load(MockScript { width, vocabulary, ..MockScript::default() }).unwrap_err();
        assert!(error.to_string().contains("its script cannot be followed"), "{error}");
    }
}

#[test]
fn what_an_arm_cannot_do_is_refused() {
    let program = Program { load: |_, _| Ok(Box::new(Idle)), ..PROGRAM };
    let spec = WorkerSpec { backend: BackendKind::Candle, folder: "none".into(), original: None, threads: 1 };
    let options = GenerateOptions { most_tokens: 1, stop: Vec::new(), sampling: Sampling::Greedy };
    let requests = [
        Request::Load(spec),
        encode_request(),
        Request::Score { continuations: Vec::new() },
        Request::Generate { prompt: vec![1], options },
        Request::Memory,
    ];
    let mut input = Vec::new();
    requests.iter().for_each(|request| send_request(&mut input, request).unwrap());
    let mut output = Vec::new();
    serve(&mut input.as_slice(), &mut output, &program).unwrap();
    let mut reader = output.as_slice();
    let answers: Vec<_> = std::iter::from_fn(|| receive_response(&mut reader).unwrap()).collect();
    for (answer, what) in answers[2..5].iter().zip(["encode", "score", "generate"]) {
        assert_eq!(*answer, Response::Failed { message: format!("this arm cannot {what}") });
    }
    assert!(matches!(answers[5], Response::Memory { backend_peak: Some(9), .. }));
}
