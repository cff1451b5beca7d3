//! Renders the reports of a record with nothing but this crate: no model, no MLX, no C++ compiler.
//!
//! `cargo run --release -p gatecheck-judge --example render -- reports/sample OUT`
#![expect(clippy::print_stdout, reason = "answers on stdout")]

use std::path::PathBuf;

use gatecheck_base::fs::write_atomic;
use gatecheck_judge::{
    record,
    report::{Report, render, table},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let [from, to] = folders.as_slice() else {
        return Err("give the folder of a record, and the one to write into".into());
    };
    let record = record::read(from)?;
    let report = Report::new(&record, &record.policy);
    for (name, bytes) in render(&report)? {
        write_atomic(&to.join(name), &bytes)?;
    }
    print!("{}", table::render(&report));
    Ok(())
}
