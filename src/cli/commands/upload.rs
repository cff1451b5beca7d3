//! `upload`: an artefact to the Hub, with the record that it passed.

use std::path::PathBuf;

use clap::Args;
use gatecheck_base::text;
use gatecheck_data::hub::upload::Uploaded;
use gatecheck_judge::gate::exit_code;

use crate::{
    app::upload::{self, Prepared, Request},
    cli::{error::CliError, printer::Printer},
};

/// Shown below the help text.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 uploaded, or there already · 2 wrong command line, an artefact \
                                     that is not fit, no right to write there, other content there · 3 failed \
                                     (network, disk, the Hub)";

/// Arguments of `upload`.
#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    /// Folder of the converted model
    pub(crate) artefact: PathBuf,
    /// Repository on the Hub; made if it is not there
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) repo: String,
    /// Folder of the run that the artefact passed, such as reports/<model>-<dataset>
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// The original's id on the Hub [default: where it was converted from]
    #[arg(long, value_name = "HUB_ID")]
    pub(crate) base_model: Option<String>,
    /// Make a repository that others do not see
    #[arg(long)]
    pub(crate) private: bool,
    /// Open a pull request instead of writing to `main`
    #[arg(long)]
    pub(crate) pr: bool,
    /// Print the model card and the files; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on with an artefact that is damaged or has not passed, which the model card then says, and over other
    /// files in the repository
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn upload(args: &UploadArgs, printer: Printer) -> Result<u8, CliError> {
    let request = Request {
        artefact: args.artefact.clone(),
        repo: args.repo.clone(),
        record: args.record.clone(),
        base_model: args.base_model.clone(),
        private: args.private,
        pull_request: args.pr,
        force: args.force,
    };
    let mut progress = printer.progress();
    let prepared = upload::prepare(&request, &mut progress)?;
    for note in &prepared.notes {
        printer.status(&format!("note: {note}"));
    }
    if args.dry_run {
        printer.result(&planned(&prepared))?;
        return Ok(exit_code::PASS);
    }
    let uploaded = upload::send(&request, &prepared, &mut progress)?;
    printer.result(&told(&uploaded))?;
    for name in &uploaded.removed {
        printer.status(&format!("removed there: {name}, other weights"));
    }
    for name in &uploaded.left {
        printer.status(&format!("left there: {name}, no part of this artefact"));
    }
    Ok(exit_code::PASS)
}

fn planned(prepared: &Prepared) -> String {
    let mut text = format!("{}\n", prepared.card);
    for file in &prepared.files {
        text += &format!("{:>15}  {}\n", text::thousands(file.size), file.name);
    }
    let total = prepared.files.iter().map(|file| file.size).sum();
    text + &format!("{:>15}  in {} files; nothing was sent\n", text::thousands(total), prepared.files.len())
}

fn told(uploaded: &Uploaded) -> String {
    let Uploaded { page, commit, committed, sent_bytes, .. } = uploaded;
    if committed.is_empty() && uploaded.removed.is_empty() {
        return format!("There already: {page} (commit {commit})\n");
    }
    let (files, megabytes) = (committed.len(), text::megabytes(*sent_bytes));
    format!("Uploaded: {page} (commit {commit}; {files} files, {megabytes:.2} MB of large ones sent)\n")
}
