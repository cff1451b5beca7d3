//! The Hub of the tests as a program, for other clients: prints its address, then each request as it comes, until it
//! is killed.
//!
//!     loopback_hub [--parts BYTES] [--page FILES] [--fault 'METHOD PATH WHAT TIMES']…

use std::{io::Write, thread, time::Duration};

use gatecheck_loopback::{LoopbackHub, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut options, mut faults) = (Options { redirects: true, ..Options::default() }, Vec::new());
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("each argument has a value")?;
        match name.as_str() {
            "--parts" => options.part_bytes = Some(value.parse()?),
            "--page" => options.page = Some(value.parse()?),
            "--fault" => faults.push(value.parse()?),
            other => return Err(format!("no argument: {other}").into()),
        }
    }
    let hub = LoopbackHub::with(&[], options);
    faults.into_iter().for_each(|fault| hub.fail(fault));
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", hub.endpoint)?;
    let mut shown = 0;
    loop {
        for line in hub.asked().into_iter().skip(shown) {
            shown += 1;
            writeln!(stdout, "{line}")?;
        }
        stdout.flush()?;
        thread::sleep(Duration::from_millis(20));
    }
}
