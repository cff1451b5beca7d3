//! Worker processes: a process for each arm.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use gatecheck_backend::worker::{Launcher, WorkerError, process::ProcessLauncher};

/// The way to worker processes, and the way to stop them.
#[derive(Debug, Clone)]
pub struct Workers {
    launcher: ProcessLauncher,
}

impl Workers {
    /// Workers are this program again; one that is silent for so long is given up.
    pub fn new(deadline: Duration) -> Result<Self, WorkerError> {
        let program = std::env::current_exe().map_err(WorkerError::Launch)?;
        Ok(Self { launcher: ProcessLauncher { program, deadline, stop: Arc::default() } })
    }

    /// What stops the measuring, and keeps what was measured, when it is set.
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.launcher.stop)
    }

    /// What starts them.
    pub fn launcher(&self) -> &dyn Launcher {
        &self.launcher
    }
}
