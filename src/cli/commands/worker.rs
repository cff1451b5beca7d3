//! `__worker`: one arm of a run, speaking to its parent over standard input and output.

use gatecheck_backend::worker::{orphan, session::serve};

use crate::{app::backends::PROGRAM, cli::error::CliError};

pub(crate) fn worker() -> Result<u8, CliError> {
    orphan::watch();
    let served = serve(&mut std::io::stdin().lock(), &mut std::io::stdout().lock(), &PROGRAM);
    served.map_err(|error| {
        CliError::failed(
            format!("the worker's pipe failed: {error}"),
            "`__worker` is started by `gatecheck run`".to_owned(),
        )
    })?;
    Ok(gatecheck_judge::gate::exit_code::PASS)
}
