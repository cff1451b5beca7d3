//! The parent's side: a child process with a deadline on every answer.
//!
//! The parent itself never touches a pipe: a worker that is stopped neither reads nor writes, and a pipe that is
//! full or empty would hold the parent for as long. Threads do, which end with the worker.

use std::{
    io::{BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use super::{
    Launcher, Worker, WorkerError,
    protocol::{MAGIC, PROTOCOL, Request, Response},
    tail::Tail,
    wire::{receive_response, send_request},
};

/// How often a wait looks whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Starts workers as child processes of this program.
#[derive(Debug, Clone)]
pub struct ProcessLauncher {
    /// The program, normally this one.
    pub program: PathBuf,
    /// Longest wait for any answer.
    pub deadline: Duration,
    /// Set when the user wants to stop.
    pub stop: Arc<AtomicBool>,
}

impl Launcher for ProcessLauncher {
    fn launch(&self) -> Result<Box<dyn Worker>, WorkerError> {
        let mut command = Command::new(&self.program);
        command.arg("__worker").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C reaches the parent alone, which then stops its workers in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        #[cfg(unix)]
        super::orphan::dies_with_parent(&mut command);
        let mut child = command.spawn().map_err(WorkerError::Launch)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(WorkerError::Protocol("a pipe is missing".to_owned()));
        };
        let (requests, frames) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            // A worker that is gone says so by closing its output.
            while frames.recv().is_ok_and(|frame| stdin.write_all(&frame).is_ok()) {}
        });
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            loop {
                let answer = receive_response(&mut reader).transpose();
                let end = !matches!(answer, Some(Ok(_)));
                if answer.is_none_or(|answer| sender.send(answer).is_err()) || end {
                    return;
                }
            }
        });
        let stderr = Tail::of(stderr);
        let Self { deadline, stop, .. } = self.clone();
        let mut worker = ProcessWorker { child, requests, answers, stderr, deadline, stop };
        worker.greet()?;
        Ok(Box::new(worker))
    }
}

struct ProcessWorker {
    child: Child,
    requests: Sender<Vec<u8>>,
    answers: Receiver<std::io::Result<Response>>,
    stderr: Tail,
    deadline: Duration,
    stop: Arc<AtomicBool>,
}

impl ProcessWorker {
    fn greet(&mut self) -> Result<(), WorkerError> {
        match self.receive()? {
            Response::Hello { magic, protocol, .. } if magic == MAGIC && protocol == PROTOCOL => Ok(()),
            Response::Hello { protocol, version, .. } => Err(WorkerError::Protocol(format!(
                "the program is version {version} with protocol {protocol}, this is protocol {PROTOCOL}"
            ))),
            _ => Err(WorkerError::Protocol("no greeting".to_owned())),
        }
    }

    fn receive(&mut self) -> Result<Response, WorkerError> {
        let start = Instant::now();
        loop {
            match self.answers.recv_timeout(LOOK) {
                Ok(Ok(Response::Failed { message })) => return Err(WorkerError::Reported(message)),
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => return Err(WorkerError::Protocol(error.to_string())),
                Err(RecvTimeoutError::Disconnected) => return Err(WorkerError::Died(self.ending())),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => {
                    return Err(WorkerError::Stopped);
                }
                Err(RecvTimeoutError::Timeout) if start.elapsed() > self.deadline => {
                    return Err(WorkerError::Silent(self.deadline.as_secs()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// How the process ended, in words.
    fn ending(&mut self) -> String {
        // The pipe closes a moment before the process can be waited for.
        for _ in 0..100 {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return error.to_string(),
            }
        }
        "its output is closed".to_owned()
    }
}

impl Worker for ProcessWorker {
    fn call(&mut self, request: &Request) -> Result<Response, WorkerError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(WorkerError::Stopped);
        }
        let mut frame = Vec::new();
        send_request(&mut frame, request).map_err(|error| WorkerError::Protocol(error.to_string()))?;
        match self.requests.send(frame) {
            Ok(()) => self.receive(),
            // The worker is gone; what it said last tells more than the broken pipe.
            Err(_) => Err(WorkerError::Died(self.ending())),
        }
    }

    fn next(&mut self) -> Result<Response, WorkerError> {
        self.receive()
    }

    fn stderr(&self) -> String {
        self.stderr.text()
    }
}

impl Drop for ProcessWorker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
