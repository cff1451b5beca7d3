//! What can go wrong while a model is built or run: MLX itself, its configuration, its weights.

use gatecheck_backend::BackendError;
use gatecheck_model::{config::ConfigError, weights::WeightError};
use mlx_rs::error::Exception;

/// An error of this crate on its way to the seam.
#[derive(Debug)]
pub(crate) enum Failure {
    Mlx(Exception),
    Config(ConfigError),
    Weights(WeightError),
}

impl From<Exception> for Failure {
    fn from(error: Exception) -> Self {
        Self::Mlx(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<WeightError> for Failure {
    fn from(error: WeightError) -> Self {
        Self::Weights(error)
    }
}

impl From<Failure> for BackendError {
    fn from(error: Failure) -> Self {
        match error {
            Failure::Mlx(error) => Self::framework("MLX", error),
            Failure::Config(error) => Self::Config(error),
            Failure::Weights(error) => Self::Weights(error),
        }
    }
}
