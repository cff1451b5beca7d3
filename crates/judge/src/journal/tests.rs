use std::{fs, path::Path};

use super::*;
use crate::{
    fixture,
    record::{Call, Failure, Memory, RunRecord, Session},
};

/// A record before anything was measured, and the lines that make it what it is.
fn lines(record: &RunRecord) -> (Header, Vec<Event>) {
    let mut begun = record.clone();
    begun.wall_ns = 0;
    let mut events = Vec::new();
    for (number, arm) in (0..).zip(&mut begun.arms) {
        let mut sessions = std::mem::take(&mut arm.sessions);
        for session in &mut sessions {
            session.memory.samples.clear();
            session.environment.load_after = None;
            events.push(Event::Session { arm: number, session: session.clone() });
        }
        for (phase, calls) in [(Phase::Latency, &mut arm.latency), (Phase::Throughput, &mut arm.throughput)] {
            events.extend(blocks(number, phase, &std::mem::take(calls)));
        }
        let (outputs, measured) = (std::mem::take(&mut arm.outputs), std::mem::take(&mut arm.measured));
        if let Some(Event::Block(block)) = events.iter_mut().rev().find(|event| is_block(event, number)) {
            block.scored = (0..).zip(&measured).filter(|(_, is)| **is).map(|(at, _)| at).collect();
            block.outputs = outputs;
        }
        if let Some(failure) = arm.failure.take() {
            events.push(Event::Failed { arm: number, failure });
        }
    }
    (
        Header { schema_version: SCHEMA_VERSION, record: begun, run: serde_json::json!({ "model": "m" }) },
        events,
    )
}

fn is_block(event: &Event, arm: u32) -> bool {
    matches!(event, Event::Block(block) if block.arm == arm)
}

fn blocks(arm: u32, phase: Phase, calls: &[Call]) -> Vec<Event> {
    let mut blocks: Vec<Block> = Vec::new();
    for call in calls {
        if blocks.last().is_none_or(|block| block.block != call.block) {
            blocks.push(Block::new(arm, phase, call.block, call.session));
        }
        blocks.last_mut().unwrap().push(call);
    }
    blocks.into_iter().map(Event::Block).collect()
}

/// Writes a whole journal of a record.
fn written(folder: &Path, record: &RunRecord) -> Journal {
    let (header, events) = lines(record);
    let mut journal = Journal::begin(folder, header).unwrap();
    for event in events {
        journal.write(event).unwrap();
    }
    journal
}

/// A record without what the events of these tests do not tell.
fn comparable(mut record: RunRecord) -> RunRecord {
    record.wall_ns = 0;
    for arm in &mut record.arms {
        arm.outputs.resize(arm.measured.len() * arm.output_width as usize, 0.0);
    }
    let sessions = record.arms.iter_mut().flat_map(|arm| &mut arm.sessions);
    for session in sessions {
        session.memory.samples.clear();
    }
    record
}

#[test]
fn a_record_is_folded_from_its_journal() {
    for record in [fixture::record(), fixture::similarity(), fixture::killed(2)] {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = written(folder.path(), &record);
        let folded = fold(folder.path()).unwrap();
        assert!(folded.record.interrupted && folded.run["model"] == "m");
        journal.write(Event::Finished { load_after: Some(1.25) }).unwrap();
        let folded = fold(folder.path()).unwrap();
        assert!(folded.record.wall_ns > 0);
        assert!(comparable(folded.record) == comparable(record));
        journal.remove().unwrap();
        assert!(!folder.path().join(JOURNAL).exists());
    }
}

#[test]
fn the_way_out_is_told() {
    let folder = std::path::PathBuf::from("runs/a");
    let hint = |error: JournalError| error.hint().unwrap();
    assert_eq!(
        hint(JournalError::Unfinished { folder: folder.clone() }),
        "go on with `gatecheck run --resume runs/a`, take another `--out`, or remove `runs/a/journal.jsonl` to start \
         afresh"
    );
    assert_eq!(hint(JournalError::Locked { folder: folder.clone() }), "wait for it, or take another `--out`");
    let headless = hint(JournalError::Headless { path: folder.join(JOURNAL) });
    assert!(headless.contains("remove `runs/a/journal.jsonl`"), "{headless}");
}

#[test]
fn a_journal_cut_anywhere_still_reads() {
    let folder = tempfile::tempdir().unwrap();
    drop(written(folder.path(), &fixture::shortened(fixture::two_arms(), 20)));
    let path = folder.path().join(JOURNAL);
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut calls = 0;
    for length in (0..whole.len()).step_by(997) {
        fs::write(&path, &whole[..length]).unwrap();
        let folded = fold(folder.path());
        if length < first {
            assert!(matches!(folded, Err(JournalError::Headless { .. })), "{length}");
            continue;
        }
        let record = folded.unwrap().record;
        let now = record.arms.iter().map(|arm| arm.latency.len() + arm.throughput.len()).sum();
        assert!(now >= calls, "{now} after {calls}");
        for arm in &record.arms {
            let whole = arm.latency.len().is_multiple_of(10) && arm.throughput.len().is_multiple_of(2);
            assert!(whole, "{} and {} calls", arm.latency.len(), arm.throughput.len());
        }
        calls = now;
        let lines = whole[..length].iter().filter(|byte| **byte == b'\n').count();
        let (journal, _) = Journal::resume(folder.path()).unwrap();
        drop(journal);
        let left = fs::read(&path).unwrap();
        assert!(left.ends_with(b"\n") && left.iter().filter(|byte| **byte == b'\n').count() == lines);
    }
    assert!(calls > 400, "{calls}");
}

#[test]
fn a_damaged_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    drop(written(folder.path(), &fixture::two_arms()));
    let path = folder.path().join(JOURNAL);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let cases: [(usize, &str, &str); 5] = [
        (4, "{\"unix_ns\":1,\"event\":{\"bl", "EOF while parsing"),
        (5, "", "EOF while parsing"),
        (3, lines[0], "a run begins with its first line"),
        (1, lines[2], "a run begins with its first line"),
        (
            2,
            "{\"unix_ns\":1,\"event\":{\"failed\":{\"arm\":7,\"failure\":{\"phase\":\"load\",\"message\":\"\",\"stderr\":\"\"}}}}",
            "there is no arm 7",
        ),
    ];
    for (number, text, reason) in cases {
        let mut damaged = lines.clone();
        damaged[number - 1] = text;
        fs::write(&path, damaged.join("\n") + "\n").unwrap();
        let error = fold(folder.path()).unwrap_err().to_string();
        let expected = format!("line {number} of `{}` is damaged: {reason}", path.display());
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn what_does_not_fit_the_arm_is_refused() {
    let (header, _) = lines(&fixture::two_arms());
    let good = Block { outputs: vec![0.0; 3], scored: vec![1], ..Block::new(0, Phase::Throughput, 0, 0) };
    let bad: [(Block, &str); 4] = [
        (Block { outputs: vec![0.0], ..good.clone() }, "1 outputs for 1 examples"),
        (Block { scored: vec![600], ..good.clone() }, "there is no example 600"),
        (Block { session: 1, ..good.clone() }, "arm `candle` has no session 1"),
        (Block { ns: vec![1], ..good }, "the lists of a block are not of one length"),
    ];
    for (block, reason) in bad {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), header.clone()).unwrap();
        journal.write(Event::Session { arm: 0, session: Session::default() }).unwrap();
        journal.write(Event::Block(block)).unwrap();
        let error = fold(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("is damaged: {reason}")) && error.starts_with("line 3"), "{error}");
    }
}

#[test]
fn a_block_measured_again_takes_the_place_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let record = fixture::shortened(fixture::two_arms(), 20);
    let mut journal = written(folder.path(), &record);
    journal.write(Event::Resumed).unwrap();
    let session = Session { started_unix_s: 5, ..Session::default() };
    journal.write(Event::Session { arm: 1, session }).unwrap();
    let last = record.arms[1].throughput.last().unwrap();
    let mut block = Block::new(1, Phase::Throughput, last.block, 1);
    block.push(&Call { ns: 7, ..*last });
    journal.write(Event::Block(block)).unwrap();
    let arm = fold(folder.path()).unwrap().record.arms.remove(1);
    let own = |call: &&Call| call.block == last.block;
    assert_eq!(
        arm.throughput.iter().filter(own).map(|call| (call.ns, call.session)).collect::<Vec<_>>(),
        [(7, 1)]
    );
    assert_eq!(arm.sessions.len(), 2);
    let before = record.arms[1].throughput.iter().filter(|call| !own(call)).count();
    assert_eq!(arm.throughput.len(), before + 1);
}

#[test]
fn memory_is_that_after_the_blocks_that_count() {
    let folder = tempfile::tempdir().unwrap();
    let (header, _) = lines(&fixture::two_arms());
    let mut journal = Journal::begin(folder.path(), header).unwrap();
    let session = Session {
        memory: Memory { before_load: 1, after_load: 2, samples: Vec::new(), peak: 30, backend_peak: None },
        ..Session::default()
    };
    for _ in 0..2 {
        journal.write(Event::Session { arm: 0, session: session.clone() }).unwrap();
    }
    let reading = |current, peak, backend_peak| Some(MemoryReading { current, peak, backend_peak });
    for (phase, block, session, memory) in [
        (Phase::Latency, 0, 0, reading(10, 40, Some(7))),
        (Phase::Throughput, 0, 0, reading(11, 20, Some(5))),
        (Phase::Throughput, 1, 0, reading(12, 90, None)),
        (Phase::Throughput, 1, 1, reading(13, 50, None)),
        (Phase::Throughput, 2, 1, None),
    ] {
        journal.write(Event::Block(Block { memory, ..Block::new(0, phase, block, session) })).unwrap();
    }
    let arm = fold(folder.path()).unwrap().record.arms.remove(0);
    let memory = |samples: &[u64], peak, backend_peak| Memory {
        samples: samples.to_vec(),
        peak,
        backend_peak,
        ..session.memory.clone()
    };
    let found: Vec<Memory> = arm.sessions.into_iter().map(|session| session.memory).collect();
    // The second block was measured again: its first reading goes, the peak of the first process stays.
    assert_eq!(found, [memory(&[10, 11], 90, Some(7)), memory(&[13], 50, None)]);
}

#[test]
fn pauses_are_no_part_of_the_wall_time() {
    let folder = tempfile::tempdir().unwrap();
    let (header, _) = lines(&fixture::two_arms());
    let line = |unix_ns, event| serde_json::to_string(&Line { unix_ns, event }).unwrap() + "\n";
    let text = line(100, Event::Begun(Box::new(header)))
        + &line(130, Event::Phase("latency".to_owned()))
        + &line(1000, Event::Resumed)
        + &line(1007, Event::Interrupted);
    fs::write(folder.path().join(JOURNAL), text).unwrap();
    assert_eq!(fold(folder.path()).unwrap().record.wall_ns, 37);
}

#[test]
fn one_process_writes_at_a_time_and_nothing_measured_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (header, events) = lines(&fixture::two_arms());
    Journal::may_begin(folder.path()).unwrap();
    let journal = Journal::begin(folder.path(), header.clone()).unwrap();
    assert!(matches!(Journal::begin(folder.path(), header.clone()), Err(JournalError::Locked { .. })));
    assert!(matches!(Journal::resume(folder.path()), Err(JournalError::Locked { .. })));
    assert!(matches!(Journal::may_begin(folder.path()), Err(JournalError::Locked { .. })));
    drop(journal);
    // Nothing was measured yet: it may begin anew.
    Journal::may_begin(folder.path()).unwrap();
    let mut journal = Journal::begin(folder.path(), header.clone()).unwrap();
    events.into_iter().for_each(|event| journal.write(event).unwrap());
    drop(journal);
    assert!(matches!(Journal::may_begin(folder.path()), Err(JournalError::Unfinished { .. })));
    let before = fs::read(folder.path().join(JOURNAL)).unwrap();
    assert!(matches!(Journal::begin(folder.path(), header), Err(JournalError::Unfinished { .. })));
    assert_eq!(fs::read(folder.path().join(JOURNAL)).unwrap(), before);
}

#[test]
fn another_version_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let line = "{\"unix_ns\":1,\"event\":{\"begun\":{\"schema_version\":9,\"new\":[]}}}\n";
    fs::write(folder.path().join(JOURNAL), line).unwrap();
    assert!(matches!(fold(folder.path()), Err(JournalError::Version { version: 9, .. })));
}

#[test]
fn failures_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (header, _) = lines(&fixture::two_arms());
    let mut journal = Journal::begin(folder.path(), header).unwrap();
    let failure = Failure { phase: "load".to_owned(), message: "m".to_owned(), stderr: "s".to_owned() };
    journal.write(Event::Failed { arm: 1, failure: failure.clone() }).unwrap();
    assert_eq!(fold(folder.path()).unwrap().record.arms[1].failure, Some(failure));
}

#[test]
fn a_clock_that_is_set_back_takes_no_time_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL);
    drop(written(folder.path(), &fixture::record()));
    let lines = fs::read_to_string(&path).unwrap();
    // What each line says the time is, and what the record then says the run took.
    let wall = |times: &dyn Fn(usize) -> u64| {
        let retimed = lines.lines().enumerate().map(|(number, line)| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["unix_ns"] = times(number).into();
            format!("{line}\n")
        });
        fs::write(&path, retimed.collect::<String>()).unwrap();
        fold(folder.path()).unwrap().record.wall_ns
    };
    let count = lines.lines().count() as u64;
    assert!(count > 4);
    assert_eq!(wall(&|number| 1000 + number as u64), count - 1);
    // Back before the beginning in the third line, for good.
    assert_eq!(wall(&|number| if number < 2 { 1000 + 50 * number as u64 } else { 7 }), 50);
    assert_eq!(wall(&|number| if number == 0 { u64::MAX } else { 0 }), 0);
    assert_eq!(wall(&|number| if number == 0 { 0 } else { u64::MAX }), u64::MAX);
}

#[test]
fn a_journal_that_is_somebody_else_s_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join(JOURNAL), folder.path().join("other"));
    let (header, _) = lines(&fixture::record());
    let refused = || {
        let error = Journal::begin(folder.path(), header.clone()).unwrap_err();
        assert!(matches!(&error, JournalError::File(error) if error.action == "open"), "{error}");
        fs::remove_file(&path).unwrap();
    };
    std::os::unix::fs::symlink(&other, &path).unwrap();
    refused();
    assert!(!other.exists());
    fs::write(&other, "precious").unwrap();
    std::os::unix::fs::symlink(&other, &path).unwrap();
    refused();
    fs::hard_link(&other, &path).unwrap();
    refused();
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
    // Without `mkfifo`, the program: between fork and exec a child holds the locks of the tests beside this one.
    #[cfg(target_os = "linux")]
    {
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        refused();
    }
    Journal::begin(folder.path(), header.clone()).unwrap();
}
