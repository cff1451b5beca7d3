//! The program: parses, calls one command, prints its error. The only module that prints.

mod args;
mod commands;
mod error;
mod printer;

use std::process::ExitCode;

use clap::Parser;

use self::{
    args::{Cli, Command},
    error::CliError,
    printer::Printer,
};

/// Runs the program.
pub fn main() -> ExitCode {
    let Cli { command, quiet } = Cli::parse();
    let printer = Printer { quiet };
    let outcome = match command {
        Command::Report(args) => commands::report::report(&args, printer),
        Command::Worker => commands::worker::worker(),
        _ => Err(CliError::usage("todo", None)),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            Printer { quiet: false }.status(&error.lines());
            ExitCode::from(error.exit_code)
        }
    }
}
