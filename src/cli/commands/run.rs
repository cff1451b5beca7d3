//! `run`: measures, judges, reports.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gatecheck_backend::{measure::machine::cores, mock::MockScript, worker::process::ProcessLauncher};
use gatecheck_base::fs::{check_writable, read_text};
use gatecheck_data::dataset::Dataset;
use gatecheck_judge::{
    gate::{self, exit_code},
    journal::Journal,
    record::{Policy, RunRecord, SpeedOn},
    report::Report,
};

use super::{
    report::{show, with_gates, write_reports},
    resume::BegunCommand,
};
use crate::{
    app::plan::{ModelSource, Settings, arms::ArmKind, plan, zero_shot::ZeroShotSettings},
    app::record,
    cli::{
        args::{MeasuringArgs, RunArgs},
        error::{CliError, unknown},
        printer::Printer,
        resolve::{ResolvedDataset, Resolver},
    },
};

/// How a cell starts.
pub(crate) enum Start {
    /// From nothing; with the command as its journal keeps it.
    Fresh(serde_json::Value),
    /// With what an earlier process left.
    Resumed(Box<(Journal, RunRecord)>),
}

pub(crate) fn run(args: &RunArgs, printer: Printer) -> Result<u8, CliError> {
    match &args.resume {
        Some(folder) => super::resume::resume(folder, args.json, printer),
        None => begin(args, None, printer),
    }
}

/// Measures, or goes on measuring the one dataset there is.
pub(crate) fn begin(args: &RunArgs, mut resumed: Option<Start>, printer: Printer) -> Result<u8, CliError> {
    let resolver = Resolver::new(&args.config, printer)?;
    let defaults = resolver.quantization(&args.model);
    let datasets = match args.dataset.is_empty() {
        false => args.dataset.clone(),
        true => resolver.benchmarks(&args.model)?,
    };
    if args.data.is_some() && datasets.len() != 1 {
        return Err(CliError::usage(
            "`--data` gives the rows of one dataset",
            "name it with `--dataset`".to_owned(),
        ));
    }
    let arms = arms(&args.arms, args.quantization.bits, defaults.bits)?;
    let policy = with_gates(policy(defaults.max_accuracy_drop, defaults.target_size_mb), &args.gates)?;
    let mut measuring = Measuring::new(&args.measuring, printer)?;
    let model = resolver.model(&args.model)?;
    let cells = resolved(args, &datasets, &resolver, &model)?;
    let mut codes = Vec::new();
    let model_is_for_it = resolver.is_for_zero_shot(&args.model);
    for (name, (ResolvedDataset { dataset, preprocessing, label_map, zero_shot }, out)) in
        datasets.iter().zip(cells)
    {
        let settings = Settings {
            arms: arms.clone(),
            group_size: args.quantization.group_size.or(defaults.group_size),
            embedding_bits: args.quantization.embedding_bits,
            output_dir: args.output_dir.clone(),
            may_convert: !args.no_convert,
            label_map,
            zero_shot: ZeroShotSettings { model_is_for_it, ..zero_shot },
            truncation: preprocessing.truncation,
            max_length: preprocessing.max_length,
            policy: policy.clone(),
            ..measuring.settings()?
        };
        let start = match resumed.take() {
            Some(start) => start,
            None => Start::Fresh(command(args, name).to_json()?),
        };
        codes.push(measuring.cell(&model, &dataset, &settings, start, &out, args.json)?);
    }
    Ok(gravest(&codes))
}

/// The command as if this dataset were its only one.
fn command(args: &RunArgs, dataset: &str) -> BegunCommand {
    BegunCommand::Run(Box::new(RunArgs { dataset: vec![dataset.to_owned()], ..args.clone() }))
}

/// The datasets with the folders of their reports. All are read before the first is measured: a name
/// misspelt should not show after an hour.
fn resolved(
    args: &RunArgs,
    names: &[String],
    resolver: &Resolver,
    model: &ModelSource,
) -> Result<Vec<(ResolvedDataset, PathBuf)>, CliError> {
    let mut cells: Vec<(ResolvedDataset, PathBuf)> = Vec::new();
    for name in names {
        let mut found = resolver.dataset(name, args.data.as_deref(), args.split.as_deref())?;
        if let Some(limit) = args.limit {
            gatecheck_data::dataset::limit(&mut found.dataset, usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let out = out_folder(args.out.as_deref(), model, &found.dataset, names.len());
        if cells.iter().any(|(_, other)| *other == out) {
            return Err(CliError::usage(
                format!("two datasets would write their reports to `{}`", out.display()),
                "measure them in two runs, each with its own `--out`".to_owned(),
            ));
        }
        cells.push((found, out));
    }
    Ok(cells)
}

/// The gravest of the cells' exit codes.
fn gravest(codes: &[u8]) -> u8 {
    let order = [exit_code::ERROR, exit_code::FAIL, exit_code::INCONCLUSIVE];
    order.into_iter().find(|code| codes.contains(code)).unwrap_or(exit_code::PASS)
}

/// The limits unless the command line says otherwise.
pub(crate) fn policy(max_accuracy_drop: Option<f64>, target_size_mb: Option<f64>) -> Policy {
    Policy {
        max_accuracy_drop: max_accuracy_drop.unwrap_or(0.015),
        min_speedup: 1.2,
        speed_on: SpeedOn::Accelerator,
        size_tolerance: 0.1,
        target_size_mb,
        max_truncated_share: 0.05,
        strict: false,
    }
}

/// The arms asked for, or the baseline and a candidate of so many bits.
pub(crate) fn arms(
    words: &[String],
    bits: Option<u32>,
    default_bits: Option<u32>,
) -> Result<Vec<ArmKind>, CliError> {
    if words.is_empty() {
        let bits = bits.or(default_bits).unwrap_or(8);
        let word = if matches!(bits, 16 | 32) { "mlx".to_owned() } else { format!("mlx-q{bits}") };
        let candidate = ArmKind::parse(&word).ok_or_else(|| {
            CliError::usage(format!("{bits} bits cannot be packed"), "take 2, 3, 4, 5, 6 or 8".to_owned())
        })?;
        return Ok(vec![ArmKind::Candle, candidate]);
    }
    if !(2..=3).contains(&words.len()) {
        return Err(CliError::usage(
            format!("`--arms` has {}; a run compares two or three", words.len()),
            "for example `--arms candle,mlx,mlx-q8`".to_owned(),
        ));
    }
    let known: Vec<String> = ["candle", "mlx", "mlx-q2", "mlx-q3", "mlx-q4", "mlx-q5", "mlx-q6", "mlx-q8"]
        .map(str::to_owned)
        .into();
    let arms = words.iter().map(|word| ArmKind::parse(word).ok_or_else(|| unknown("arm", word, &known)));
    let arms = arms.collect::<Result<Vec<_>, _>>()?;
    match bits {
        Some(bits) if !arms.iter().any(|arm| arm.has_bits(bits)) => Err(CliError::usage(
            format!("`--bits {bits}` is that of no arm in `--arms {}`", words.join(",")),
            "leave one of the two out".to_owned(),
        )),
        _ => Ok(arms),
    }
}

fn out_folder(out: Option<&Path>, model: &ModelSource, dataset: &Dataset, datasets: usize) -> PathBuf {
    let plain = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c), "-");
    match out {
        Some(out) if datasets == 1 => out.to_owned(),
        Some(out) => out.join(plain(&dataset.name)),
        None => Path::new("reports").join(format!("{}-{}", plain(&model.name), plain(&dataset.name))),
    }
}

/// What cells share: how to measure, and the way to stop.
pub(crate) struct Measuring {
    args: MeasuringArgs,
    printer: Printer,
    launcher: ProcessLauncher,
}

impl Measuring {
    pub(crate) fn new(args: &MeasuringArgs, printer: Printer) -> Result<Self, CliError> {
        let program = std::env::current_exe().map_err(|error| {
            CliError::failed(format!("failed to find this program's file: {error}"), None)
        })?;
        let cancel = Arc::new(AtomicBool::new(false));
        let launcher = ProcessLauncher { program, deadline: Duration::from_secs(args.timeout), cancel };
        Ok(Self { args: args.clone(), printer, launcher })
    }

    /// From here on Ctrl-C stops the measuring and not the program. While nothing has been measured
    /// there is nothing to keep: a download or a conversion just ends, and leaves nothing half done.
    fn keep_on_ctrl_c(&self) {
        let flag = Arc::clone(&self.launcher.cancel);
        // For a second dataset there is a handler already; it sets the same flag.
        let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    }

    /// Settings with everything that the measuring arguments decide; the rest is the caller's.
    pub(crate) fn settings(&self) -> Result<Settings, CliError> {
        let MeasuringArgs { batch_size, threads, seed, latency_queries, timeout: _, mock } = &self.args;
        let mock = mock.as_deref().map(scripts).transpose()?;
        Ok(Settings {
            arms: Vec::new(),
            group_size: None,
            embedding_bits: None,
            output_dir: PathBuf::new(),
            may_convert: true,
            label_map: None,
            zero_shot: ZeroShotSettings::default(),
            truncation: gatecheck_model::tokenizer::Truncation::default(),
            max_length: None,
            batch_size: *batch_size,
            threads: threads.unwrap_or_else(cores),
            seed: *seed,
            latency_queries: *latency_queries,
            policy: policy(None, None),
            mock,
        })
    }

    /// Plans, measures, judges and reports one cell. Returns its exit code.
    pub(crate) fn cell(
        &mut self,
        model: &ModelSource,
        dataset: &Dataset,
        settings: &Settings,
        start: Start,
        out: &Path,
        json: bool,
    ) -> Result<u8, CliError> {
        // Before the long run starts.
        check_writable(out)?;
        if let Start::Fresh(_) = start {
            Journal::may_begin(out).map_err(record::RecordError::from)?;
        }
        let mut progress = self.printer.progress();
        let cell = plan(model, dataset, settings, &mut |at| super::convert::show(&mut progress, at));
        progress.done();
        let cell = cell?;
        let arms: Vec<_> = cell.arms.iter().map(|arm| arm.name.as_str()).collect();
        self.printer.status(&format!(
            "{} {} on {} {}: {} examples, arms {}",
            if let Start::Fresh(_) = start { "measuring" } else { "going on with" },
            model.name,
            dataset.name,
            dataset.split,
            cell.inputs.len(),
            arms.join(", ")
        ));
        self.keep_on_ctrl_c();
        let record = match start {
            Start::Fresh(run) => record::measure(&cell, out, run, &self.launcher, &mut progress)?,
            Start::Resumed(so_far) => {
                let (journal, so_far) = *so_far;
                record::resume(&cell, journal, &so_far, out, &self.launcher, &mut progress)?
            }
        };
        drop(cell);
        progress.done();
        let report = Report::new(&record, &record.policy);
        write_reports(out, &report)?;
        show(&report, json, self.printer)?;
        self.tell_failures(&record);
        self.printer.status(&format!("reports are in {}", out.display()));
        if record.interrupted {
            let hint = format!(
                "what was measured is in {0}; `gatecheck run --resume {0}` goes on with it",
                out.display()
            );
            return Err(CliError::failed("stopped by the user", hint));
        }
        debug_assert_eq!(report.exit_code, gate::exit_code::of(report.verdict));
        Ok(report.exit_code)
    }

    fn tell_failures(&self, record: &RunRecord) {
        for arm in &record.arms {
            if let Some(failure) = &arm.failure {
                let what =
                    format!("error: arm `{}` failed in {}: {}", arm.name, failure.phase, failure.message);
                self.printer.error(&gatecheck_judge::report::view::plain(&what));
                for line in failure.stderr.lines() {
                    self.printer.error(&format!("  | {}", gatecheck_judge::report::view::plain(line)));
                }
            }
        }
    }
}

fn scripts(path: &Path) -> Result<BTreeMap<String, MockScript>, CliError> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|error| CliError::usage(format!("`{}` is not a mock script: {error}", path.display()), None))
}
