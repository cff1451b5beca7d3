use std::os::unix::fs::PermissionsExt;

use gatecheck_model::batch::{Batch, Encoded};

use super::*;
use crate::worker::wire::send_response;

/// A program that greets as a worker does, and then does `then` instead of a worker's work.
fn greeting(then: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (greeting, program) = (folder.path().join("greeting"), folder.path().join("program"));
    let mut hello = Vec::new();
    let response = Response::Hello { magic: MAGIC.to_owned(), protocol: PROTOCOL, version: "1".to_owned() };
    send_response(&mut hello, &response).unwrap();
    std::fs::write(&greeting, hello).unwrap();
    std::fs::write(&program, format!("#!/bin/sh\ncat '{}'\n{then}\n", greeting.display())).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    (folder, program)
}

/// More than any pipe holds.
fn large() -> Request {
    let row = Encoded { ids: vec![1; 1000], type_ids: vec![0; 1000], truncated: false };
    Request::Encode { batch: Batch::new(&vec![row; 1000]) }
}

/// What comes of a large request, and after how long.
fn asked(then: &str, deadline_s: u64, stop_after: Option<Duration>) -> (WorkerError, Duration) {
    let (_folder, program) = greeting(then);
    let stop = Arc::new(AtomicBool::new(false));
    let launcher = ProcessLauncher { program, deadline: Duration::from_secs(deadline_s), stop };
    let mut worker = launcher.launch().unwrap();
    if let Some(after) = stop_after {
        let stop = Arc::clone(&launcher.stop);
        std::thread::spawn(move || {
            std::thread::sleep(after);
            stop.store(true, Ordering::Relaxed);
        });
    }
    let start = Instant::now();
    let error = worker.call(&large()).unwrap_err();
    drop(worker);
    (error, start.elapsed())
}

#[test]
fn a_worker_that_does_not_listen_is_given_up() {
    for then in ["exec sleep 60", "kill -STOP $$"] {
        let (error, took) = asked(then, 1, None);
        assert!(matches!(error, WorkerError::Silent(1)), "{then}: {error}");
        assert!(took < Duration::from_secs(5), "{then}: {took:?}");
    }
}

#[test]
fn the_user_need_not_wait_for_a_worker_that_does_not_listen() {
    let (error, took) = asked("kill -STOP $$", 60, Some(Duration::from_millis(200)));
    assert!(matches!(error, WorkerError::Stopped), "{error}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_worker_that_ends_instead_of_listening_says_how() {
    let (error, took) = asked("exit 7", 60, None);
    assert_eq!(error.to_string(), "the worker process ended unexpectedly (exit status: 7)");
    assert!(took < Duration::from_secs(5), "{took:?}");
}
