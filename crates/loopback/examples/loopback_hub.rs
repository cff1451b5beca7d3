//! The Hub of the tests as a program, for other clients: prints its address, then each request as it comes, until it
//! is killed.
//!
//!     loopback_hub [--parts BYTES] [--page FILES] [--fault 'METHOD PATH WHAT TIMES']…

use std::{io::Write, thread, time::Duration};

use gatecheck_loopback::{Ask, LoopbackHub, Options};
use serde_json::{Deserializer, Value};

/// Type and keys of a body of JSON, and whether there is a token.
fn shape(ask: &Ask) -> String {
    let token = if ask.headers.contains_key("authorization") { " +token" } else { "" };
    let kind = ask.headers.get("content-type").map(|kind| format!(" {kind}")).unwrap_or_default();
    let mut shape = format!("{token}{kind}");
    for value in Deserializer::from_slice(&ask.body).into_iter::<Value>().map_while(Result::ok) {
        shape += &format!(" {}", keys(&value));
    }
    shape
}

fn keys(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}{}", keys(value))).collect();
            keys.sort();
            format!("{{{}}}", keys.join(","))
        }
        Value::Array(values) => format!("[{}]", values.first().map(keys).unwrap_or_default()),
        _ => String::new(),
    }
}

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
        let asks = hub.requests.lock().map(|asks| asks[shown..].to_vec()).unwrap_or_default();
        for ask in asks {
            shown += 1;
            writeln!(stdout, "{} {}{}", ask.method, ask.path, shape(&ask))?;
        }
        stdout.flush()?;
        thread::sleep(Duration::from_millis(20));
    }
}
