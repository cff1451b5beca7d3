//! The `gatecheck` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatecheck::cli::main()
}
