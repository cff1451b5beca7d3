//! The settings of the process that training needs and that must stand before it starts.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Set in the second process.
const MARK: &str = "TRAIN_DEMO_CHILD";

/// One thread for each matrix product, since two parts of a batch already run side by side; threads
/// that share small products mostly wait for each other (2.8 times the processor time, measured).
/// The rest keeps glibc from returning each freed tensor to the system (a third of the time).
const SETTINGS: [(&str, &str); 4] = [
    ("RAYON_NUM_THREADS", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "1000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "4000000000"),
    ("MALLOC_TOP_PAD_", "67108864"),
];

/// Runs this program again under [`SETTINGS`] and returns how it ended; `None` in that second run.
pub(crate) fn restart() -> Result<Option<ExitCode>> {
    if env::var_os(MARK).is_some() {
        return Ok(None);
    }
    let program = env::current_exe().context("failed to find this program")?;
    let status = Command::new(&program)
        .args(env::args_os().skip(1))
        .envs(SETTINGS)
        .env(MARK, "1")
        .status()
        .with_context(|| format!("failed to start `{}`", program.display()))?;
    Ok(Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}
