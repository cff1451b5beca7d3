//! The program: parses, calls one command, prints its error. The only module that prints.

mod args;
mod commands;
mod error;
mod groups;
mod printer;

use std::process::ExitCode;

use clap::Parser;

use self::{
    args::{Cli, Command},
    printer::Printer,
};

/// Runs the program.
pub fn main() -> ExitCode {
    let Cli { command, quiet } = Cli::parse();
    let printer = Printer { quiet };
    let outcome = match command {
        Command::Run(args) => commands::run::run(&args, printer),
        Command::Convert(args) => commands::convert::convert(&args, printer),
        Command::Demo(args) => commands::demo::demo(&args, printer),
        Command::Clean(args) => commands::clean::clean(&args, printer),
        Command::Monitor(args) => commands::monitor::monitor(&args, printer),
        Command::Pipeline(args) => commands::pipeline::pipeline(&args, printer),
        Command::Models(args) => commands::list::models(&args, printer),
        Command::Datasets(args) => commands::list::datasets(&args, printer),
        Command::Verify(args) => commands::verify::verify(&args, printer),
        Command::Tune(args) => commands::tune::tune(&args, printer),
        Command::Upload(args) => commands::upload::upload(&args, printer),
        Command::Report(args) => commands::report::report(&args, printer),
        Command::Doctor => commands::doctor::doctor(printer),
        Command::Worker => commands::worker::worker(),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            printer.error(&error.lines());
            ExitCode::from(error.exit_code)
        }
    }
}
