//! What a backend's own code fails with.

/// Defines `Failure`: an error of the framework, of the configuration or of the weights, on its way to the seam. It
/// has to be a type of the backend's crate, for only there can it be made from the framework's error.
#[macro_export]
macro_rules! failure {
    ($framework:literal, $error:ty) => {
        /// An error of this crate on its way to the seam.
        #[derive(Debug)]
        pub(crate) struct Failure($crate::BackendError);

        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self($crate::BackendError::framework($framework, error))
            }
        }

        impl From<gatecheck_model::config::ConfigError> for Failure {
            fn from(error: gatecheck_model::config::ConfigError) -> Self {
                Self(error.into())
            }
        }

        impl From<gatecheck_model::weights::WeightError> for Failure {
            fn from(error: gatecheck_model::weights::WeightError) -> Self {
                Self(error.into())
            }
        }

        impl From<Failure> for $crate::BackendError {
            fn from(Failure(error): Failure) -> Self {
                error
            }
        }
    };
}
