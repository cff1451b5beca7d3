//! Errors on their way to the user: what happened, why, the way out, and the exit code.

use gatecheck_backend::worker::WorkerError;
use gatecheck_base::fs::FileError;
use gatecheck_judge::gate::exit_code;

use crate::app::{
    arms::ArmError, config::ConfigFileError, error::AppError, judge::JudgeError, pipeline::PipelineError,
    plan::PlanError, prepare::PrepareError, record::RecordError, resolve::ResolveError, tune::TuneError,
    upload::UploadError, verify::VerifyError,
};

/// An error that ends the program.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
    pub(crate) exit_code: u8,
}

impl CliError {
    /// A mistake on the command line or in the configuration.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self { error: anyhow::Error::msg(message.into()), hint: hint.into(), exit_code: exit_code::USAGE }
    }

    /// Something that could not be done though it was asked for correctly.
    pub(crate) fn failed(message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self { exit_code: exit_code::ERROR, ..Self::usage(message, hint) }
    }

    /// The lines for standard error. Foreign text cannot play tricks on the terminal.
    pub(crate) fn lines(&self) -> String {
        let mut text = format!("error: {}", gatecheck_judge::report::view::plain(&self.error.to_string()));
        for cause in self.error.chain().skip(1) {
            text += &format!("\n  caused by: {}", gatecheck_judge::report::view::plain(&cause.to_string()));
        }
        if let Some(hint) = &self.hint {
            let hint: Vec<_> = hint.lines().map(gatecheck_judge::report::view::plain).collect();
            text += &format!("\n\nhint: {}", hint.join("\n"));
        }
        text
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        Self { hint: error.hint(), exit_code: exit_code::of_error(error.kind()), error: error.into() }
    }
}

impl From<PipelineError> for CliError {
    fn from(error: PipelineError) -> Self {
        Self { hint: error.hint(), exit_code: exit_code::of_error(error.kind()), error: error.into() }
    }
}

impl From<TuneError> for CliError {
    fn from(error: TuneError) -> Self {
        Self { hint: error.hint(), exit_code: exit_code::of_error(error.kind()), error: error.into() }
    }
}

/// Errors of single steps.
macro_rules! of_the_application {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                AppError::from(error).into()
            }
        }
    )*};
}

of_the_application!(
    ArmError,
    ConfigFileError,
    FileError,
    JudgeError,
    PlanError,
    PrepareError,
    RecordError,
    ResolveError,
    UploadError,
    VerifyError,
    WorkerError
);
