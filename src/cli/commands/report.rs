//! `report`: renders the reports of a run again, from what was measured: its record, or what its journal holds.

use std::path::Path;

use gatecheck_judge::{
    record::{Policy, SpeedOn},
    report::{self, Format, Report},
};

use crate::{
    app::{
        judge::{JudgeError, judge},
        record::{self, Opened, Source},
    },
    cli::{
        args::ReportArgs,
        error::CliError,
        groups::{GateArgs, SpeedOnArg},
        printer::Printer,
    },
};

pub(crate) fn report(args: &ReportArgs, printer: Printer) -> Result<u8, CliError> {
    render(&args.folder, &args.gates, args.json, printer)
}

/// Judges what is in `folder` by these gates, and shows it. The reports of a run that is still at work are its own
/// to write.
pub(crate) fn render(folder: &Path, gates: &GateArgs, json: bool, printer: Printer) -> Result<u8, CliError> {
    let Opened { record, source } = record::open(folder)?;
    let policy = with_gates(record.policy.clone(), gates)?;
    if matches!(source, Source::AtWork) {
        let report = Report::new(&record, &policy);
        show(&report, json, printer)?;
        printer.status("the run is still going on; this is how far it has come, and no report was written");
        return Ok(report.exit_code);
    }
    let report = judge(folder, &record, &policy)?;
    show(&report, json, printer)?;
    printer.status(&format!("reports are in {}", folder.display()));
    if record.interrupted && matches!(source, Source::Journal(_)) {
        printer.status(&format!(
            "the run is unfinished; `gatecheck run --resume {}` goes on with it",
            folder.display()
        ));
    }
    Ok(report.exit_code)
}

/// Prints the table, or `report.json`.
pub(crate) fn show(report: &Report, json: bool, printer: Printer) -> Result<(), CliError> {
    if json {
        let bytes = Format::Json.exporter().serialize(report).map_err(JudgeError::from)?;
        printer.result(&String::from_utf8_lossy(&bytes))
    } else {
        printer.result(&report::table::render(report))
    }
}

/// Puts the limits of the command line over those there are.
pub(crate) fn with_gates(mut policy: Policy, args: &GateArgs) -> Result<Policy, CliError> {
    let GateArgs { max_accuracy_drop, min_speedup, speed_on, target_size_mb, size_tolerance, strict } = args;
    let within = |name: &str, value: f64, low: f64, high: f64| {
        if value >= low && value <= high {
            Ok(value)
        } else {
            Err(CliError::usage(format!("`{name}` is {value}; it must be from {low} to {high}"), None))
        }
    };
    if let Some(drop) = max_accuracy_drop {
        policy.max_accuracy_drop = within("--max-accuracy-drop", *drop, 0.0, 1.0)?;
    }
    if let Some(ratio) = min_speedup {
        policy.min_speedup = within("--min-speedup", *ratio, 0.01, 1000.0)?;
    }
    if let Some(place) = speed_on {
        policy.speed_on = match place {
            SpeedOnArg::Accelerator => SpeedOn::Accelerator,
            SpeedOnArg::Any => SpeedOn::Any,
        };
    }
    if let Some(size) = target_size_mb {
        policy.target_size_mb = Some(within("--target-size-mb", *size, 0.001, 1e9)?);
    }
    if let Some(share) = size_tolerance {
        policy.size_tolerance = within("--size-tolerance", *share, 0.0, 10.0)?;
    }
    policy.strict |= strict;
    Ok(policy)
}
