//! `__worker`: one arm of a run, speaking to its parent over standard input and output.

use crate::{cli::error::CliError, worker::session::serve};

pub(crate) fn worker() -> Result<u8, CliError> {
    let served = serve(&mut std::io::stdin().lock(), &mut std::io::stdout().lock());
    served.map_err(|error| {
        CliError::failed(
            format!("the worker's pipe failed: {error}"),
            "`__worker` is started by `gatecheck run`".to_owned(),
        )
    })?;
    Ok(crate::gate::exit_code::PASS)
}
