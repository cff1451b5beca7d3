//! `run --resume`: goes on with a run that was killed, crashed or stopped.

use std::path::{Path, PathBuf};

use gatecheck_judge::journal::{self, Journal};
use serde::{Deserialize, Serialize};

use super::{demo, report, run};
use crate::{
    app::record,
    cli::{
        args::{DemoArgs, GateArgs, ReportArgs, RunArgs},
        error::CliError,
        printer::Printer,
    },
};

/// What a journal keeps of the command that began a run, so that the same cell can be planned again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// Where the program ran: paths of the command line are relative to it.
    folder: PathBuf,
    command: BegunCommand,
}

/// The command, of one dataset.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BegunCommand {
    Run(Box<RunArgs>),
    Demo(Box<DemoArgs>),
}

impl BegunCommand {
    /// As it is written into the journal.
    pub(crate) fn to_json(&self) -> Result<serde_json::Value, CliError> {
        let folder = std::env::current_dir().map_err(|error| {
            CliError::failed(format!("failed to find the working directory: {error}"), None)
        })?;
        serde_json::to_value(Begun { folder, command: self.clone() })
            .map_err(|error| CliError::failed(format!("failed to keep the command: {error}"), None))
    }
}

/// Goes on with the run in `folder`. One that is finished is shown as it is.
pub(crate) fn resume(folder: &Path, json: bool, printer: Printer) -> Result<u8, CliError> {
    let show = |text: &str| {
        printer.status(text);
        report::report(&ReportArgs { folder: folder.to_owned(), gates: GateArgs::default(), json }, printer)
    };
    let finished = format!("the run in {} is finished; nothing is left to measure", folder.display());
    if !journal::exists(folder) {
        return show(&finished);
    }
    let (journal, folded) = Journal::resume(folder).map_err(record::RecordError::from)?;
    if !folded.record.interrupted {
        record::settle(journal, folder)?;
        return show(&finished);
    }
    let Begun { folder: origin, command } = serde_json::from_value(folded.run).map_err(|error| {
        CliError::usage(
            format!("the journal in `{}` does not say how its run began: {error}", folder.display()),
            "use the version of gatecheck that began the run".to_owned(),
        )
    })?;
    let out = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    std::env::set_current_dir(&origin).map_err(|error| {
        CliError::usage(
            format!("the run began in `{}`, which cannot be entered: {error}", origin.display()),
            "bring that folder back, or measure anew with another `--out`".to_owned(),
        )
    })?;
    let start = run::Start::Resumed(Box::new((journal, folded.record)));
    match command {
        BegunCommand::Run(args) => {
            run::begin(&RunArgs { out: Some(out), json, ..*args }, Some(start), printer)
        }
        BegunCommand::Demo(args) => demo::begin(&DemoArgs { out, json, ..*args }, start, printer),
    }
}
