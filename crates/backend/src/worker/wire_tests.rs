use gatecheck_model::batch::Encoded;

use super::*;
use crate::{
    Facts, Kernel, Sampling, Software,
    mock::MockScript,
    worker::protocol::{BackendKind, MAGIC, PROTOCOL},
};

fn batch_of(rows: &[&[u32]]) -> Batch {
    let rows: Vec<_> = rows
        .iter()
        .map(|ids| Encoded { ids: ids.to_vec(), type_ids: vec![1; ids.len()], truncated: false })
        .collect();
    Batch::new(&rows)
}

#[test]
fn requests_survive_the_pipe() {
    let continuation =
        |context: &[u32], tokens: &[u32]| Continuation { context: context.to_vec(), tokens: tokens.to_vec() };
    let sampling = Sampling::Random { temperature: 0.7, top_p: 0.95, seed: u64::MAX };
    let requests = [
        Request::Load(WorkerSpec {
            backend: BackendKind::Mock(MockScript::default()),
            folder: "a b".into(),
            original: Some("c".into()),
            threads: 2,
        }),
        Request::Phase(Phase::WarmUp),
        Request::Encode { batch: batch_of(&[&[1, 2, 3], &[4]]) },
        Request::Score { continuations: vec![continuation(&[1, 2], &[3]), continuation(&[4], &[])] },
        Request::Score { continuations: Vec::new() },
        Request::Generate {
            prompt: vec![5, 6],
            options: GenerateOptions { most_tokens: 9, stop: vec![0, 2], sampling },
        },
        Request::Memory,
        Request::Share { batch: batch_of(&[&[7]]) },
    ];
    let mut pipe = Vec::new();
    for request in &requests {
        send_request(&mut pipe, request).unwrap();
    }
    let mut reader = pipe.as_slice();
    for request in requests {
        assert_eq!(receive_request(&mut reader).unwrap(), Some(request));
    }
    assert_eq!(receive_request(&mut reader).unwrap(), None);
}

#[test]
fn responses_survive_the_pipe() {
    let facts = Facts {
        device: "cpu".to_owned(),
        execution: "float32".to_owned(),
        engine: Software::telling("engine", "1.2"),
        kernels: vec![Kernel::new("all", "some")],
        libraries: vec![Software::named("library")],
    };
    let responses = [
        Response::Hello { magic: MAGIC.to_owned(), protocol: PROTOCOL, version: "1".to_owned() },
        Response::Loaded(Loaded { facts, before: 1, after: u64::MAX }),
        Response::Noted,
        Response::Encoded { ns: 7, width: 2, values: vec![0.1, -1e-38, 3.4e38, 0.0] },
        Response::Scored {
            scores: vec![
                TokenScore { log_probability: -0.1, greedy: true },
                TokenScore { log_probability: -88.5, greedy: false },
            ],
        },
        Response::Scored { scores: Vec::new() },
        Response::Token { kind: CallKind::Decode, id: 4, ns: 12 },
        Response::End { ns: 13, ending: Some(Ending::Length) },
        Response::Memory { current: 1, peak: 2, backend_peak: None },
        Response::Share(None),
        Response::Failed { message: "no".to_owned() },
    ];
    let mut pipe = Vec::new();
    for response in &responses {
        send_response(&mut pipe, response).unwrap();
    }
    let mut reader = pipe.as_slice();
    for response in responses {
        assert_eq!(receive_response(&mut reader).unwrap(), Some(response));
    }
    assert_eq!(receive_response(&mut reader).unwrap(), None);
}

#[test]
fn nonsense_is_an_error() {
    for bytes in [&b"Hello, I am another program"[..], &[255; 40], &[4, 0, 0, 0, 0, 0, 0, 0, b'{']] {
        assert!(receive_response(&mut &bytes[..]).is_err(), "{bytes:?}");
    }
    let score = Header::Score { continuations: 1 };
    for (header, words) in [
        (Header::Encode { rows: 1 }, &[5, 1][..]),
        (Header::Encode { rows: 3 }, &[1, 1]),
        (Header::Score { continuations: 2 }, &[1]),
        (Header::Score { continuations: 1 }, &[1, 2, 7, 8]),
        (score, &[1, 1, 7, 8, 9]),
    ] {
        let mut pipe = Vec::new();
        send(&mut pipe, &header, words.iter().copied()).unwrap();
        assert!(receive_request(&mut pipe.as_slice()).is_err(), "{words:?}");
    }
    let mut pipe = Vec::new();
    send(&mut pipe, &Header::Scored, [1, 1, 1]).unwrap();
    assert!(receive_response(&mut pipe.as_slice()).is_err());
}
