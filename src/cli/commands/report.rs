//! `report`: renders the reports of a run again, from its record alone.

use std::path::Path;

use gatecheck_base::fs::{read_text, write_atomic};
use gatecheck_judge::{
    record::{OLDEST_VERSION, Policy, RunRecord, SCHEMA_VERSION, SpeedOn},
    report::{self, Format, Report},
};

use crate::cli::{
    args::{GateArgs, ReportArgs, SpeedOnArg},
    error::CliError,
    printer::Printer,
};

/// The file that everything is rendered from.
pub(crate) const RECORD: &str = "record.json";

pub(crate) fn report(args: &ReportArgs, printer: Printer) -> Result<u8, CliError> {
    let record = read_record(&args.folder.join(RECORD))?;
    let policy = with_gates(record.policy.clone(), &args.gates)?;
    let report = Report::new(&record, &policy);
    write_reports(&args.folder, &report)?;
    show(&report, args.json, printer)?;
    printer.status(&format!("reports are in {}", args.folder.display()));
    Ok(report.exit_code)
}

/// Reads a record of this format version or an older one.
pub(crate) fn read_record(path: &Path) -> Result<RunRecord, CliError> {
    let text = read_text(path).map_err(|error| CliError {
        hint: Some("give the folder that `gatecheck run --out` wrote".to_owned()),
        ..CliError::from(error)
    })?;
    let malformed =
        |reason: String| CliError::usage(format!("`{}` is not a record: {reason}", path.display()), None);
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    match json["schema_version"].as_u64() {
        Some(version) if (u64::from(OLDEST_VERSION)..=u64::from(SCHEMA_VERSION)).contains(&version) => {}
        Some(version) => {
            return Err(CliError::usage(
                format!(
                    "`{}` has format version {version}; this program reads {OLDEST_VERSION} to {SCHEMA_VERSION}",
                    path.display()
                ),
                "use the version of gatecheck that measured it (`tool_version`)".to_owned(),
            ));
        }
        None => return Err(malformed("no `schema_version`".to_owned())),
    }
    serde_json::from_value(json).map_err(|error| malformed(error.to_string()))
}

/// Writes every format into `folder`.
pub(crate) fn write_reports(folder: &Path, report: &Report) -> Result<(), CliError> {
    for (name, bytes) in report::render(report)? {
        write_atomic(&folder.join(name), &bytes)?;
    }
    Ok(())
}

/// Prints the table, or `report.json`.
pub(crate) fn show(report: &Report, json: bool, printer: Printer) -> Result<(), CliError> {
    if json {
        let bytes = Format::Json.exporter().serialize(report)?;
        printer.result(&String::from_utf8_lossy(&bytes));
    } else {
        printer.result(&report::table::render(report));
    }
    Ok(())
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
