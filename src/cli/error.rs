//! Errors on their way to the user: what happened, why, the way out, and the exit code.

use gatecheck_base::text;
use gatecheck_judge::gate::exit_code;

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

/// Errors that know the way out.
macro_rules! hinted {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self { hint: error.hint(), error: error.into(), exit_code: exit_code::USAGE }
            }
        }
    )*};
}

hinted!(
    crate::app::config::ConfigFileError,
    gatecheck_model::convert::ConvertError,
    gatecheck_data::dataset::DatasetError,
    gatecheck_data::hub::HubError,
    crate::app::plan::PlanError,
    crate::app::record::RecordError,
    gatecheck_model::config::ConfigError,
    gatecheck_model::tokenizer::TokenizerError,
    gatecheck_model::weights::WeightError,
);

impl From<gatecheck_base::fs::FileError> for CliError {
    fn from(error: gatecheck_base::fs::FileError) -> Self {
        Self { error: error.into(), hint: None, exit_code: exit_code::USAGE }
    }
}

impl From<gatecheck_judge::report::ReportError> for CliError {
    fn from(error: gatecheck_judge::report::ReportError) -> Self {
        Self { error: error.into(), hint: None, exit_code: exit_code::ERROR }
    }
}

/// A usage error about an unknown word, with the nearest known one.
pub(crate) fn unknown(what: &str, word: &str, known: &[String]) -> CliError {
    let nearest = text::nearest(word, known.iter().map(String::as_str));
    let hint = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? Known are {}", text::list(known, 20)),
        None => format!("known are {}", text::list(known, 20)),
    };
    CliError::usage(format!("there is no {what} `{word}`"), hint)
}
