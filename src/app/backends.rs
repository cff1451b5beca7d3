//! Which crate runs an arm, and what the record is to say of it.

use gatecheck_backend::{
    Arm, BackendError, Facts, LoadOptions,
    worker::{protocol::BackendKind, session::Program},
};
use gatecheck_candle::CandleBackend;
use gatecheck_judge::record::{Engine, Kernel, Library};

use crate::app::version;

/// This program, as its workers know it.
pub const PROGRAM: Program = Program { version: version::VERSION, version_of: version::of_package, load };

/// Loads a model into the backend of that kind. Scripted arms have no model to load.
pub fn load(kind: &BackendKind, options: &LoadOptions) -> Result<Box<dyn Arm>, BackendError> {
    match kind {
        BackendKind::Candle => Ok(Box::new(CandleBackend::load(options)?)),
        #[cfg(feature = "mlx")]
        BackendKind::Mlx => Ok(Box::new(gatecheck_mlx::MlxBackend::load(options)?)),
        #[cfg(not(feature = "mlx"))]
        BackendKind::Mlx => Err(BackendError::WithoutMlx),
        BackendKind::Mock(_) => Err(BackendError::framework("mock", "a script is no model")),
    }
}

/// What the facts of an arm are in a record.
pub fn engine(facts: Facts) -> Engine {
    let Facts { engine, kernels, libraries, .. } = facts;
    Engine {
        name: engine.name,
        version: engine.version,
        kernels: kernels.into_iter().map(|kernel| Kernel { of: kernel.of, by: kernel.by }).collect(),
        libraries: libraries
            .into_iter()
            .map(|library| Library { name: library.name, version: library.version })
            .collect(),
    }
}
