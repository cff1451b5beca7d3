//! What can go wrong while a model is built or run: candle itself, its configuration, its weights.

use gatecheck_backend::BackendError;
use gatecheck_model::{config::ConfigError, weights::WeightError};

/// An error of this crate on its way to the seam.
#[derive(Debug)]
pub(crate) enum Failure {
    Candle(candle_core::Error),
    Config(ConfigError),
    Weights(WeightError),
}

impl From<candle_core::Error> for Failure {
    fn from(error: candle_core::Error) -> Self {
        Self::Candle(error)
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
            Failure::Candle(error) => Self::framework("candle", error),
            Failure::Config(error) => Self::Config(error),
            Failure::Weights(error) => Self::Weights(error),
        }
    }
}
