//! `doctor`: what this machine and this build can do, tried out on the embedded model.

use std::time::Duration;

use gatecheck_backend::{
    measure::machine::{Machine, cores, load},
    worker::{
        Launcher, WorkerError,
        process::ProcessLauncher,
        protocol::{BackendKind, Loaded, Request, Response, Share, WorkerSpec},
    },
};
use gatecheck_base::text;
use gatecheck_judge::gate::exit_code;
use gatecheck_model::{
    batch::Batch,
    config::ModelConfig,
    tokenizer::{TextEncoder, Truncation},
};

use super::demo::{unpack, validation};
use crate::cli::{error::CliError, printer::Printer};

/// Rows that each arm answers.
const ROWS: usize = 32;

/// Largest difference between the logits of the two arms that is put down to rounding.
const TOLERANCE: f32 = 1e-3;

pub(crate) fn doctor(printer: Printer) -> Result<u8, CliError> {
    printer.result(&machine());
    let scratch = std::env::temp_dir().join(format!("gatecheck-doctor-{}", std::process::id()));
    let outcome = arms(&scratch, printer);
    // Nothing of value is in there.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome
}

fn machine() -> String {
    let Machine { os, arch, cpu, cores, memory_bytes, virtualised, power } = Machine::read();
    let virtual_machine = virtualised.map_or("unknown", |yes| if yes { "yes" } else { "no" });
    let gigabytes = memory_bytes as f64 / 1e9;
    let load = load().map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    let power = power.map(|power| format!("power     {power}\n")).unwrap_or_default();
    format!(
        "gatecheck {}\nsystem    {os}, {arch}\ncpu       {cpu}, {cores} cores\nmemory    {gigabytes:.1} GB\n\
         virtual   {virtual_machine}\nload      {load}\n{power}",
        env!("CARGO_PKG_VERSION")
    )
}

fn arms(scratch: &std::path::Path, printer: Printer) -> Result<u8, CliError> {
    let model = unpack(scratch)?;
    let dataset = validation(scratch)?;
    let config = ModelConfig::open(&model.folder)?;
    let encoder = TextEncoder::open(&model.folder, &config, Truncation::default(), None, None)?;
    let texts: Vec<_> =
        dataset.examples.iter().take(ROWS).map(|row| (row.text.as_str(), row.pair.as_deref())).collect();
    let rows = encoder.encode(&texts)?;
    let batch = Batch::new(&rows);
    let mut kinds = vec![("candle", BackendKind::Candle)];
    if cfg!(feature = "mlx") {
        kinds.push(("mlx", BackendKind::Mlx));
    } else {
        printer.result("mlx       built without MLX\n");
    }
    let (mut outputs, mut known) = (Vec::new(), None);
    for (name, backend) in kinds {
        let spec = WorkerSpec { backend, folder: model.folder.clone(), threads: cores() };
        match try_arm(spec, &batch) {
            Ok(Tried { loaded, outputs: values, ns, share }) => {
                let Loaded { device, execution, library, .. } = loaded;
                if let Some(share) = share {
                    let gigaflops = share.highest_rate as f64 / 1e9;
                    printer
                        .result(&format!("products  {gigaflops:.0} GFLOP/s (32-bit floats, candle arm)\n"));
                    known = Some(share);
                }
                // The same products in every arm, padding aside.
                let part = known.map(|share| {
                    let rate = share.operations as f64 / ns as f64 * 1e9;
                    format!(", {:.0} % of that rate", 100.0 * rate / share.highest_rate as f64)
                });
                printer.result(&format!(
                    "{name:9} works: {library}; device {device}, {execution}; {} rows in {:.1} ms{}\n",
                    batch.rows(),
                    text::milliseconds(ns),
                    part.unwrap_or_default()
                ));
                if let Some(share) = share {
                    let floor = 100.0 * share.floor_ns as f64 / share.ns as f64;
                    printer.result(&format!(
                        "          its matrix products alone take {floor:.0} % of the time\n"
                    ));
                }
                outputs.push(values);
            }
            Err(error) => {
                printer.result(&format!("{name:9} fails: {error}\n"));
                return Ok(exit_code::ERROR);
            }
        }
    }
    Ok(agreement(&outputs, printer))
}

/// Compares the arms' logits.
fn agreement(outputs: &[Vec<f32>], printer: Printer) -> u8 {
    let [candle, mlx] = outputs else { return exit_code::PASS };
    let difference = candle.iter().zip(mlx).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max);
    let agrees = difference <= TOLERANCE;
    let verdict = if agrees { "agree" } else { "DISAGREE" };
    printer.result(&format!("arms      {verdict}: largest difference of a logit {difference:.1e}\n"));
    if agrees { exit_code::PASS } else { exit_code::ERROR }
}

/// What an arm showed.
struct Tried {
    loaded: Loaded,
    outputs: Vec<f32>,
    /// The shortest of a few times.
    ns: u64,
    share: Option<Share>,
}

/// Loads an arm in its own process and runs the batch a few times.
fn try_arm(spec: WorkerSpec, batch: &Batch) -> Result<Tried, WorkerError> {
    let program = std::env::current_exe().map_err(WorkerError::Launch)?;
    let launcher =
        ProcessLauncher { program, deadline: Duration::from_secs(120), cancel: Default::default() };
    let mut worker = launcher.launch()?;
    let unexpected = || WorkerError::Protocol("another answer was due".to_owned());
    let Response::Loaded(loaded) = worker.call(&Request::Load(spec))? else { return Err(unexpected()) };
    let (mut outputs, mut fastest) = (Vec::new(), u64::MAX);
    for _ in 0..20 {
        let request = Request::Encode { phase: "warm-up".to_owned(), batch: batch.clone() };
        let Response::Encoded { ns, values, .. } = worker.call(&request)? else { return Err(unexpected()) };
        fastest = fastest.min(ns);
        outputs = values;
    }
    let request = Request::Share { batch: batch.clone() };
    let Response::Share(share) = worker.call(&request)? else { return Err(unexpected()) };
    Ok(Tried { loaded, outputs, ns: fastest, share })
}
