//! One arm in a process of its own: its memory is its own, and its crash is nobody else's.
//!
//! The parent starts this same program with the hidden command `__worker` and speaks
//! [`protocol`] over its standard input and output; standard error is kept for failures.

mod calls;
pub mod orphan;
pub mod process;
pub mod protocol;
pub mod session;
mod tail;
pub mod wire;

use protocol::{Request, Response};

/// A loaded or loading arm.
pub trait Worker {
    /// Sends one request and waits for its answer, or for the first of several.
    fn call(&mut self, request: &Request) -> Result<Response, WorkerError>;

    /// Waits for the next of several answers.
    fn next(&mut self) -> Result<Response, WorkerError>;

    /// Sends one request, hands over each of its answers but the last, as they come, and returns the last.
    fn stream(
        &mut self,
        request: &Request,
        on_response: &mut dyn FnMut(Response),
    ) -> Result<Response, WorkerError> {
        let mut response = self.call(request)?;
        while response.goes_on() {
            on_response(response);
            response = self.next()?;
        }
        Ok(response)
    }

    /// The last lines of the worker's standard error.
    fn stderr(&self) -> String;
}

/// Starts workers.
pub trait Launcher {
    /// Starts one; it has not loaded anything yet.
    fn launch(&self) -> Result<Box<dyn Worker>, WorkerError>;
}

/// What can go wrong between the parent and a worker.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The process could not be started.
    #[error("failed to start the worker process")]
    Launch(#[source] std::io::Error),
    /// The process ended.
    #[error("the worker process ended unexpectedly ({0})")]
    Died(String),
    /// No answer came.
    #[error("the worker gave no answer within {0} s")]
    Silent(u64),
    /// The answer makes no sense.
    #[error("the worker does not speak this program's protocol: {0}")]
    Protocol(String),
    /// The worker reported a failure of its own.
    #[error("{0}")]
    Reported(String),
    /// What it loaded is not what it should be.
    #[error("`{}` changed since the run was planned", .0.display())]
    Changed(std::path::PathBuf),
    /// The user stopped the run.
    #[error("stopped by the user")]
    Stopped,
}
