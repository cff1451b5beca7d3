//! Which crate runs an arm.

use gatecheck_backend::{Backend, BackendError, LoadOptions, worker::protocol::BackendKind};
use gatecheck_candle::CandleBackend;

/// Loads a model into the backend of that kind. Scripted arms have no model to load.
pub fn load(kind: &BackendKind, options: &LoadOptions) -> Result<Box<dyn Backend>, BackendError> {
    match kind {
        BackendKind::Candle => Ok(Box::new(CandleBackend::load(options)?)),
        #[cfg(feature = "mlx")]
        BackendKind::Mlx => Ok(Box::new(gatecheck_mlx::MlxBackend::load(options)?)),
        #[cfg(not(feature = "mlx"))]
        BackendKind::Mlx => Err(BackendError::WithoutMlx),
        BackendKind::Mock(_) => Err(BackendError::framework("mock", "a script is no model")),
    }
}
