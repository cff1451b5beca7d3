//! `clean`: what is left over, and its removal.

use std::path::PathBuf;

use clap::Args;
use gatecheck_base::text::megabytes;
use gatecheck_data::hub::HubSettings;
use gatecheck_judge::gate::exit_code;

use crate::{
    app::{
        clean::{Leftover, find, remove},
        defaults,
        pipeline::Place,
    },
    cli::{error::CliError, printer::Printer},
};

/// Arguments of `clean`.
#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Folders to look in [default: reports, converted models, the pipeline's logs and the Hub's cache]
    #[arg(value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Remove what is listed
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON instead of the list
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn clean(args: &CleanArgs, printer: Printer) -> Result<u8, CliError> {
    let mut folders = args.folders.clone();
    if let Some(folder) = folders.iter().find(|folder| !folder.is_dir()) {
        return Err(CliError::usage(format!("there is no folder `{}`", folder.display()), None));
    }
    if folders.is_empty() {
        let place = Place::from_env().folder().to_owned();
        folders =
            vec![defaults::REPORTS.into(), defaults::ARTEFACTS.into(), place, HubSettings::from_env().cache];
    }
    let found = find(&folders);
    if args.json {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "leftovers": found }))
            .map_err(|error| CliError::failed(format!("failed to write JSON: {error}"), None))?;
        printer.result(&format!("{text}\n"))?;
    } else {
        printer.result(&told(&found))?;
    }
    let mut codes = vec![exit_code::PASS];
    for leftover in found.iter().filter(|_| args.yes) {
        match remove(leftover) {
            Ok(true) => {}
            Ok(false) => printer.status(&format!("in use by now, and left: {}", leftover.path.display())),
            Err(error) => {
                let error = CliError::from(error);
                printer.error(&error.lines());
                codes.push(error.exit_code);
            }
        }
    }
    if args.yes && !found.is_empty() {
        printer.status("removed");
    } else if !found.is_empty() {
        printer.status("nothing was removed; `--yes` does it");
    }
    Ok(exit_code::of_all(&codes))
}

fn told(found: &[Leftover]) -> String {
    let line = |leftover: &Leftover| {
        let (size, path) = (megabytes(leftover.bytes), leftover.path.display());
        format!("{size:10.2} MB  {path}: {}\n", leftover.reason)
    };
    let total = megabytes(found.iter().map(|leftover| leftover.bytes).sum());
    let lines: String = found.iter().map(line).collect();
    if found.is_empty() {
        "nothing is left over\n".to_owned()
    } else {
        format!("{lines}{total:10.2} MB in all\n")
    }
}
