use std::{
    cell::{Cell as Count, RefCell},
    collections::VecDeque,
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use gatecheck_backend::{
    Phase,
    mock::MockScript,
    worker::{
        Worker, WorkerError,
        protocol::{BackendKind, Request, Response, WorkerSpec},
        session::serve,
        wire::{receive_response, send_request},
    },
};
use gatecheck_base::stamp::Stamp;
use gatecheck_judge::{
    fixture,
    record::Role,
    task::{Outputs, Task},
};
use gatecheck_model::batch::Encoded;

use super::{super::record, *};
use crate::{
    app::cell::{ArmPlan, Effort},
    app::event::Silent,
    app::inputs::testing::inputs,
};

/// Runs a session in this thread: every call replays the conversation so far, which for a scripted
/// arm gives the same answers.
#[derive(Default)]
struct Replay {
    input: Vec<u8>,
}

impl Worker for Replay {
    fn call(&mut self, request: &Request) -> Result<Response, WorkerError> {
        // Only what was loaded and the phase matter to what comes later.
        let kept = self.input.len();
        send_request(&mut self.input, request).unwrap();
        let mut output = Vec::new();
        serve(&mut self.input.as_slice(), &mut output, &crate::app::backends::PROGRAM).unwrap();
        if !matches!(request, Request::Load(_) | Request::Phase(_)) {
            self.input.truncate(kept);
        }
        let mut reader = output.as_slice();
        let answers: VecDeque<_> = std::iter::from_fn(|| receive_response(&mut reader).unwrap()).collect();
        match answers.into_iter().last().unwrap() {
            Response::Failed { message } => Err(WorkerError::Reported(message)),
            answer => Ok(answer),
        }
    }

    fn next(&mut self) -> Result<Response, WorkerError> {
        unreachable!("no request of a run has several answers")
    }

    fn stderr(&self) -> String {
        "last words".to_owned()
    }
}

struct InThread;

impl Launcher for InThread {
    fn launch(&self) -> Result<Box<dyn Worker>, WorkerError> {
        Ok(Box::new(Replay::default()))
    }
}

/// Measures a cell in a folder of its own.
fn run(cell: &Cell, launcher: &dyn Launcher, observer: &mut dyn Observer) -> RunRecord {
    let folder = tempfile::tempdir().unwrap();
    record::measure(cell, folder.path(), serde_json::Value::Null, launcher, observer).unwrap().0
}

fn arm(name: &str, role: Role, script: MockScript) -> ArmPlan {
    ArmPlan {
        name: name.to_owned(),
        role,
        spec: WorkerSpec {
            backend: BackendKind::Mock(script),
            folder: "none".into(),
            original: None,
            threads: 1,
        },
        quantization: None,
        size_bytes: 1000,
        expected_size_bytes: None,
        recipe_sha256: None,
        given: None,
        findings: Vec::new(),
        files: Vec::new(),
    }
}

fn cell(candidate: MockScript) -> Cell {
    let record = fixture::two_arms();
    let input = |index: u32| {
        let ids = vec![index + 1; 3 + (index as usize) % 5];
        vec![Encoded { type_ids: vec![0; ids.len()], ids, truncated: false }]
    };
    let baseline = MockScript { ns_per_call: 3_000_000, ..MockScript::default() };
    Cell {
        model: record.model,
        dataset: record.dataset,
        settings: record.settings,
        policy: record.policy,
        seed: 1,
        arms: vec![arm("candle", Role::Baseline, baseline), arm("mlx-q8", Role::Candidate, candidate)],
        inputs: inputs(&(0..50).map(input).collect::<Vec<_>>()),
        outputs: Outputs::classification(3),
        gold: vec![0.0; 50],
        effort: Effort { latency_queries: 30, throughput_s: 0.0, pause: Duration::ZERO },
        load_before: None,
    }
}

#[test]
fn every_example_is_measured_in_both_arms() {
    let mut cell = cell(MockScript::default());
    cell.settings.batch_size = 4;
    let record = run(&cell, &InThread, &mut Silent);
    assert!(!record.interrupted);
    for arm in &record.arms {
        assert_eq!(arm.failure, None);
        assert!(arm.measured.iter().all(|measured| *measured));
        assert_eq!(arm.latency.len(), 30);
        // 13 batches in 10 blocks; a second pass brings the blocks to 20.
        assert_eq!(arm.throughput.len(), 26);
        let examples: u32 = arm.throughput.iter().map(|call| call.examples).sum();
        assert_eq!(examples, 100);
        let [.., session] = arm.sessions.as_slice() else { panic!("no session") };
        assert!(session.memory.peak > 0 && !session.memory.samples.is_empty());
    }
    assert_eq!(record.arms[0].outputs, record.arms[1].outputs);
    assert!(record.arms[0].throughput.iter().all(|call| call.ns == 3_000_000));
    let blocks = |arm: usize| record.arms[arm].throughput.iter().map(|call| (call.block, call.item));
    assert!(blocks(0).eq(blocks(1)), "both arms do the same work in the same blocks");
}

#[test]
fn a_failing_arm_leaves_the_other_alone() {
    for (phase, fail_by) in [
        (Phase::Load, "error"),
        (Phase::WarmUp, "error"),
        (Phase::Latency, "nan"),
        (Phase::Throughput, "nan"),
        (Phase::Throughput, "error"),
    ] {
        let script =
            MockScript { fail_in: Some(phase), fail_by: fail_by.to_owned(), ..MockScript::default() };
        let record = run(&cell(script), &InThread, &mut Silent);
        let failure = record.arms[1].failure.as_ref().unwrap();
        assert_eq!((failure.phase.as_str(), failure.stderr.as_str()), (phase.name(), "last words"));
        assert!(!failure.message.is_empty());
        assert_eq!(record.arms[0].failure, None);
        assert!(record.arms[0].measured.iter().all(|measured| *measured));
        let report = gatecheck_judge::report::Report::new(&record, &record.policy);
        assert_eq!(report.exit_code, gatecheck_judge::gate::exit_code::ERROR, "{phase}");
    }
}

#[test]
fn similarity_scores_are_cosines() {
    let mut cell = cell(MockScript::default());
    cell.dataset.task = Task::Similarity;
    cell.model.labels.clear();
    let text = |id: u32| Encoded { ids: vec![id], type_ids: vec![0], truncated: false };
    // The scripted vector of a text is 2 at its id mod 3 and 0 elsewhere.
    cell.outputs = Outputs::similarity();
    cell.inputs = inputs(&[(3, 6), (3, 4)].map(|(a, b)| vec![text(a), text(b)]));
    cell.gold = vec![5.0, 0.0];
    let record = run(&cell, &InThread, &mut Silent);
    assert_eq!(record.arms[0].outputs, [1.0, 0.0]);
    assert_eq!(record.tokens, [2, 2]);
}

#[test]
fn candidates_of_an_example_are_asked_together() {
    let mut cell = cell(MockScript::default());
    let text = |id: u32| Encoded { ids: vec![id, 0], type_ids: vec![0; 2], truncated: false };
    // `[id, 0]` is class 31 · id mod 3, which is that of the id.
    cell.inputs = inputs(&[(1, 3), (3, 2)].map(|(a, b)| vec![text(a), text(b)]));
    cell.gold = vec![1.0, 0.0];
    cell.settings.batch_size = 2;
    for (against, outputs) in [(None, [0.0, 2.0, 2.0, 0.0]), (Some(2), [0.0, 2.0, 2.0, -2.0])] {
        cell.outputs = Outputs::zero_shot(2, 3, 0, against);
        let record = run(&cell, &InThread, &mut Silent);
        assert_eq!(record.arms[0].failure, None);
        assert_eq!((record.arms[0].outputs.as_slice(), record.arms[0].output_width), (&outputs[..], 2));
        // All candidates in one call, which is one example and one query.
        assert!(record.arms[0].latency.iter().all(|call| (call.examples, call.tokens) == (1, 4)));
        assert!(record.arms[0].throughput.iter().all(|call| (call.examples, call.tokens) == (1, 4)));
    }
}

/// Stops the run after some calls, as Ctrl-C does.
struct Stopping(Rc<RefCell<u32>>);

struct StoppingWorker(Replay, Rc<RefCell<u32>>);

impl Launcher for Stopping {
    fn launch(&self) -> Result<Box<dyn Worker>, WorkerError> {
        Ok(Box::new(StoppingWorker(Replay::default(), Rc::clone(&self.0))))
    }
}

impl Worker for StoppingWorker {
    fn call(&mut self, request: &Request) -> Result<Response, WorkerError> {
        // It costs nothing to say what comes next.
        if matches!(request, Request::Phase(_)) {
            return self.0.call(request);
        }
        let left = self.1.borrow().checked_sub(1).ok_or(WorkerError::Stopped)?;
        *self.1.borrow_mut() = left;
        self.0.call(request)
    }

    fn next(&mut self) -> Result<Response, WorkerError> {
        self.0.next()
    }

    fn stderr(&self) -> String {
        String::new()
    }
}

/// Rewrites a file when the third worker is started: the first of the candidate's new sessions, or of the baseline's.
struct Rewriting(PathBuf, Count<u32>);

impl Launcher for Rewriting {
    fn launch(&self) -> Result<Box<dyn Worker>, WorkerError> {
        self.1.set(self.1.get() + 1);
        if self.1.get() == 3 {
            std::fs::write(&self.0, "other weights").unwrap();
        }
        InThread.launch()
    }
}

#[test]
fn weights_that_change_while_the_run_goes_on_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, "weights").unwrap();
    let mut cell = cell(MockScript::default());
    for arm in &mut cell.arms {
        arm.files = vec![Stamp::of(&path).unwrap()];
    }
    let record = run(&cell, &Rewriting(path.clone(), Count::new(0)), &mut Silent);
    for arm in &record.arms {
        let failure = arm.failure.as_ref().unwrap();
        assert_eq!(failure.phase, "load");
        assert_eq!(failure.message, format!("`{}` changed since the run was planned", path.display()));
        assert!(arm.sessions.len() == 2 && !arm.throughput.is_empty(), "not in the first session");
    }
}

#[test]
fn a_stopped_run_keeps_what_was_measured() {
    let record = run(&cell(MockScript::default()), &Stopping(Rc::new(RefCell::new(60))), &mut Silent);
    assert!(record.interrupted);
    assert!(!record.arms[0].latency.is_empty());
    assert!(record.arms.iter().all(|arm| arm.failure.is_none()));
    let report = gatecheck_judge::report::Report::new(&record, &record.policy);
    assert_ne!(report.exit_code, gatecheck_judge::gate::exit_code::PASS);
}

/// What a run that was stopped after so many calls, and resumed as often as it takes, leaves.
fn resumed(cell: &Cell, calls: u32) -> (RunRecord, usize) {
    let folder = tempfile::tempdir().unwrap();
    let stopping = || Stopping(Rc::new(RefCell::new(calls)));
    let (mut record, journal) =
        record::measure(cell, folder.path(), serde_json::Value::Null, &stopping(), &mut Silent).unwrap();
    drop(journal);
    let mut times = 0;
    while record.interrupted {
        let (journal, folded) = Journal::resume(folder.path()).unwrap();
        let so_far = folded.record;
        record = record::go_on(cell, journal, &so_far, folder.path(), &stopping(), &mut Silent).unwrap().0;
        times += 1;
        assert!(times < 200, "no way forward");
    }
    assert_eq!(gatecheck_judge::record::read(folder.path()).unwrap(), record);
    (record, times)
}

/// A record without times, sessions and readings of memory.
fn undisturbed(mut record: RunRecord) -> RunRecord {
    (record.started_unix_s, record.wall_ns) = (0, 0);
    for arm in &mut record.arms {
        arm.sessions.clear();
        arm.failure.iter_mut().for_each(|failure| failure.stderr.clear());
        arm.latency.iter_mut().chain(&mut arm.throughput).for_each(|call| call.session = 0);
    }
    record
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let mut cell = cell(MockScript { flip_every: 7, ..MockScript::default() });
    cell.settings.batch_size = 4;
    let expected = undisturbed(run(&cell, &InThread, &mut Silent));
    let mut most = 0;
    for calls in [24, 31, 40, 57, 90, 130, 170] {
        let (record, times) = resumed(&cell, calls);
        assert!(record.arms[0].sessions.len() > times, "a session for each process");
        assert!(undisturbed(record) == expected, "stopped after {calls} calls");
        most = most.max(times);
    }
    assert!(most > 5, "{most}");
}

#[test]
fn a_busy_machine_is_told_once() {
    let mut cell = cell(MockScript::default());
    let doubts = |cell: &Cell| {
        let (record, times) = resumed(cell, 40);
        assert!(times > 1, "{times}");
        let words = "the machine was busy before the run (load average 9999.0 on ";
        record.warnings.iter().filter(|doubt| doubt.starts_with(words)).count()
    };
    assert_eq!(doubts(&cell), 0);
    cell.load_before = Some(9999.0);
    assert_eq!(doubts(&cell), 1);
    let record = run(&cell, &InThread, &mut Silent);
    assert!(record.arms.iter().all(|arm| arm.sessions[0].environment.load_before == Some(9999.0)));
}

#[test]
fn the_journal_names_the_phases() {
    let mut cell = cell(MockScript::default());
    (cell.settings.batch_size, cell.effort.latency_queries) = (4, 1);
    let folder = tempfile::tempdir().unwrap();
    let stopping = Stopping(Rc::new(RefCell::new(60)));
    record::measure(&cell, folder.path(), serde_json::Value::Null, &stopping, &mut Silent).unwrap();
    let text = std::fs::read_to_string(folder.path().join(gatecheck_judge::journal::JOURNAL)).unwrap();
    let event = |line: &str| serde_json::from_str::<gatecheck_judge::journal::Line>(line).unwrap().event;
    let phases = text.lines().map(event).filter_map(|event| match event {
        Entry::Phase(name) => Some(name),
        _ => None,
    });
    let expected = [Phase::Load, Phase::WarmUp, Phase::Latency, Phase::Throughput].map(Phase::name);
    assert_eq!(phases.collect::<Vec<_>>(), expected);
}

#[test]
fn an_arm_that_failed_before_stays_failed() {
    let script =
        MockScript { fail_in: Some(Phase::Latency), fail_by: "error".to_owned(), ..MockScript::default() };
    let cell = cell(script);
    let expected = run(&cell, &InThread, &mut Silent);
    let (record, times) = resumed(&cell, 40);
    assert!(times > 0);
    assert_eq!(record.arms[1].sessions.len(), 1, "it is not started again");
    assert!(undisturbed(record) == undisturbed(expected));
}
