//! Loading models, one test at a time.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use gatecheck_backend::{Arm, BackendError, Diagnose, Encode, LoadOptions};
use gatecheck_candle::CandleBackend;
#[cfg(feature = "mlx")]
use gatecheck_mlx::{Execution, MlxBackend};

static TURN: Mutex<()> = Mutex::new(());

/// What every arm of today can do.
pub(crate) trait Encoder: Arm + Encode + Diagnose {}

impl<A: Arm + Encode + Diagnose> Encoder for A {}

/// An arm, or why it cannot be loaded.
pub(crate) type Loaded = Result<Box<dyn Encoder>, BackendError>;

/// The right to run models. MLX is not thread-safe, and OpenBLAS has one number of threads for the
/// whole process, which each arm sets; in production every arm has a process of its own.
pub(crate) struct Turn(#[expect(dead_code, reason = "held until dropped")] MutexGuard<'static, ()>);

impl Turn {
    /// Waits for all other tests that run models.
    pub(crate) fn take() -> Self {
        // A failed test leaves the mutex poisoned, and nothing half done behind it.
        Self(TURN.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The baseline with so many threads.
    pub(crate) fn candle(&self, folder: &Path, threads: usize) -> Result<CandleBackend, BackendError> {
        CandleBackend::load(&LoadOptions::new(folder.to_owned(), threads))
    }

    /// MLX as it runs on a CPU.
    #[cfg(feature = "mlx")]
    pub(crate) fn mlx(&self, folder: &Path) -> Result<MlxBackend, BackendError> {
        self.mlx_on(folder, 1)
    }

    /// MLX with so many threads, and as many streams.
    #[cfg(feature = "mlx")]
    pub(crate) fn mlx_on(&self, folder: &Path, threads: usize) -> Result<MlxBackend, BackendError> {
        on_cpu();
        MlxBackend::load(&LoadOptions::new(folder.to_owned(), threads))
    }

    /// MLX on the CPU, executed as told.
    #[cfg(feature = "mlx")]
    pub(crate) fn mlx_as(&self, folder: &Path, execution: Execution) -> Result<MlxBackend, BackendError> {
        on_cpu();
        MlxBackend::load_as(&LoadOptions::new(folder.to_owned(), 1), execution)
    }

    /// Every arm of this build, by name.
    pub(crate) fn all(&self, folder: &Path) -> Vec<(&'static str, Loaded)> {
        fn boxed<A: Encoder + 'static>(arm: Result<A, BackendError>) -> Loaded {
            arm.map(|arm| Box::new(arm) as Box<dyn Encoder>)
        }
        let baseline = [("candle", boxed(self.candle(folder, 1)))];
        #[cfg(feature = "mlx")]
        let candidate = [("mlx", boxed(self.mlx(folder)))];
        #[cfg(not(feature = "mlx"))]
        let candidate = [];
        baseline.into_iter().chain(candidate).collect()
    }
}

/// The tolerances of these tests are those of 32-bit floats on a CPU.
#[cfg(feature = "mlx")]
fn on_cpu() {
    mlx_rs::Device::set_default(&mlx_rs::Device::cpu());
}
