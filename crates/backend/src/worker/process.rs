//! The parent's side: a child process with a deadline on every answer.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use super::{
    Launcher, Worker, WorkerError,
    protocol::{MAGIC, PROTOCOL, Request, Response},
    wire::{receive_response, send_request},
};

/// Lines of standard error kept for a failure.
const LINES: usize = 40;

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
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(WorkerError::Protocol("a pipe is missing".to_owned()));
        };
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
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let mut lines = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LINES {
                    lines.pop_front();
                }
                lines.push_back(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let Self { deadline, stop, .. } = self.clone();
        let mut worker = ProcessWorker { child, stdin, answers, lines, deadline, stop };
        worker.greet()?;
        Ok(Box::new(worker))
    }
}

struct ProcessWorker {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<std::io::Result<Response>>,
    lines: Arc<Mutex<VecDeque<String>>>,
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
        match send_request(&mut self.stdin, request) {
            // The worker is gone; what it said last tells more than the broken pipe.
            Err(_) => Err(WorkerError::Died(self.ending())),
            Ok(()) => self.receive(),
        }
    }

    fn next(&mut self) -> Result<Response, WorkerError> {
        self.receive()
    }

    fn stderr(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for ProcessWorker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
