//! `doctor`: what this machine and this build can do, tried out on the embedded model.

use gatecheck_backend::{
    measure::machine::{Machine, load},
    worker::protocol::Loaded,
};
use gatecheck_base::text;
use gatecheck_judge::gate::exit_code;

use crate::{
    app::{
        backends::engine,
        doctor::{self, Trial, Tried},
        version::VERSION,
    },
    cli::{error::CliError, printer::Printer},
};

/// Largest difference between the logits of the two arms that is put down to rounding.
const TOLERANCE: f32 = 1e-3;

pub(crate) fn doctor(printer: Printer) -> Result<u8, CliError> {
    printer.result(&machine())?;
    let scratch = doctor::scratch()?;
    arms(scratch.path(), printer)
}

fn machine() -> String {
    let Machine { os, arch, cpu, cores, memory_bytes, virtualised, power } = Machine::read();
    let virtual_machine = virtualised.map_or("unknown", |yes| if yes { "yes" } else { "no" });
    let gigabytes = memory_bytes as f64 / 1e9;
    let load = load().map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    let power = power.map(|power| format!("power     {power}\n")).unwrap_or_default();
    format!(
        "gatecheck {VERSION}\nsystem    {os}, {arch}\ncpu       {cpu}, {cores} cores\nmemory    {gigabytes:.1} GB\n\
         virtual   {virtual_machine}\nload      {load}\n{power}"
    )
}

fn arms(scratch: &std::path::Path, printer: Printer) -> Result<u8, CliError> {
    let trial = Trial::new(scratch)?;
    if !cfg!(feature = "mlx") {
        printer.result("mlx       built without MLX\n")?;
    }
    let (mut outputs, mut known) = (Vec::new(), None);
    for (name, backend) in Trial::arms() {
        match trial.try_arm(backend) {
            Ok(Tried { loaded, outputs: values, ns, share }) => {
                let Loaded { facts, .. } = loaded;
                let (device, execution) = (facts.device.clone(), facts.execution.clone());
                if let Some(share) = share {
                    let gigaflops = share.highest_rate as f64 / 1e9;
                    printer
                        .result(&format!("products  {gigaflops:.0} GFLOP/s (32-bit floats, candle arm)\n"))?;
                    known = Some(share);
                }
                // The same products in every arm, padding aside.
                let part = known.map(|share| {
                    let rate = share.operations as f64 / ns as f64 * 1e9;
                    format!(", {:.0} % of that rate", 100.0 * rate / share.highest_rate as f64)
                });
                printer.result(&format!(
                    "{name:9} works: {}; device {device}, {execution}; {} rows in {:.1} ms{}\n",
                    engine(facts),
                    trial.rows(),
                    text::milliseconds(ns),
                    part.unwrap_or_default()
                ))?;
                if let Some(share) = share {
                    let floor = 100.0 * share.floor_ns as f64 / share.ns as f64;
                    printer.result(&format!(
                        "          its matrix products alone take {floor:.0} % of the time\n"
                    ))?;
                }
                outputs.push(values);
            }
            Err(error) => {
                printer.result(&format!("{name:9} fails: {error}\n"))?;
                return Ok(exit_code::ERROR);
            }
        }
    }
    agreement(&outputs, printer)
}

/// Compares the arms' logits.
fn agreement(outputs: &[Vec<f32>], printer: Printer) -> Result<u8, CliError> {
    let [candle, mlx] = outputs else { return Ok(exit_code::PASS) };
    let difference = candle.iter().zip(mlx).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max);
    let agrees = difference <= TOLERANCE;
    let verdict = if agrees { "agree" } else { "DISAGREE" };
    printer.result(&format!("arms      {verdict}: largest difference of a logit {difference:.1e}\n"))?;
    Ok(if agrees { exit_code::PASS } else { exit_code::ERROR })
}
