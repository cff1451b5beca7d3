//! `run`: measures, judges, reports.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use gatecheck_backend::measure::machine::cores;
use gatecheck_base::fs::read_text;
use gatecheck_judge::{
    gate::exit_code,
    record::{Policy, RunRecord},
    report::view::plain,
};

use super::report::{render, show, with_gates};
use crate::{
    app::{
        arms, defaults,
        measure::Workers,
        resolve::{ModelDefaults, ResolveError, Resolver},
        resume,
        run::{self, Job, Outcome, Request, out_folder},
        settings::{Artefacts, Comparison, Measuring},
        source::{Candidates, DatasetReference, ModelReference},
    },
    cli::{
        args::RunArgs,
        error::CliError,
        groups::MeasuringArgs,
        printer::{Printer, Progress},
    },
};

pub(crate) fn run(args: &RunArgs, printer: Printer) -> Result<u8, CliError> {
    if let Some(folder) = &args.resume {
        return go_on(folder, args, printer);
    }
    let resolver = Resolver::new(&args.config)?;
    let ModelDefaults { bits, group_size, max_accuracy_drop, target_size_mb } =
        resolver.defaults(&args.model);
    let limits = Policy {
        max_accuracy_drop: max_accuracy_drop.unwrap_or(defaults::MAX_ACCURACY_DROP),
        target_size_mb,
        ..defaults::policy()
    };
    let names = names(args, &resolver)?;
    let references = resolver.candidates(&args.model, &args.candidate, !args.arms.is_empty())?;
    let comparison = Comparison {
        arms: arms::choose(&args.arms, args.quantization.bits, bits, references.len())?,
        group_size: args.quantization.group_size.or(group_size),
        embedding_bits: args.quantization.embedding_bits,
    };
    let policy = with_gates(limits, &args.gates)?;
    let measuring = measuring(&args.measuring)?;
    let model = resolver.model(&args.model)?;
    let request = Request {
        datasets: datasets(args, &names, &resolver, &model)?,
        model,
        comparison,
        candidates: Candidates { references, any_weights: args.any_weights },
        artefacts: Artefacts { folder: args.output_dir.clone(), may_convert: !args.no_convert },
        measuring,
        policy,
    };
    carry_out(&request, args.json, printer)
}

/// Goes on with the run in `folder`. One that is finished is shown as it is.
fn go_on(folder: &Path, args: &RunArgs, printer: Printer) -> Result<u8, CliError> {
    let Some(unfinished) = resume::unfinished(folder)? else {
        let code = render(folder, &args.gates, args.json, printer)?;
        printer.status("the run is finished; nothing is left to measure");
        return Ok(code);
    };
    let origin = &unfinished.working_folder;
    std::env::set_current_dir(origin).map_err(|error| {
        let what = format!("the run began in `{}`, which cannot be entered: {error}", origin.display());
        CliError::usage(what, "bring that folder back, or measure anew with another `--out`".to_owned())
    })?;
    let timeout_s = args.measuring.timeout.unwrap_or(unfinished.timeout_s());
    let mut progress = printer.progress();
    let jobs = resume::plan(unfinished, &mut progress)?;
    let workers = listen(timeout_s)?;
    measure_all(jobs, &workers, Show::of(args.json), printer, progress)
}

/// The datasets named, or else the model's benchmarks.
fn names(args: &RunArgs, resolver: &Resolver) -> Result<Vec<String>, CliError> {
    let names =
        if args.dataset.is_empty() { resolver.benchmarks(&args.model)? } else { args.dataset.clone() };
    if args.data.is_some() && names.len() != 1 {
        let hint = "name it with `--dataset`".to_owned();
        return Err(CliError::usage("`--data` gives the rows of one dataset", hint));
    }
    Ok(names)
}

/// The datasets with the folders of their reports.
fn datasets(
    args: &RunArgs,
    names: &[String],
    resolver: &Resolver,
    model: &ModelReference,
) -> Result<Vec<(DatasetReference, PathBuf)>, ResolveError> {
    let dataset = |name: &String| {
        let mut found = resolver.dataset(name, args.data.as_deref(), args.split.as_deref(), &args.model)?;
        found.limit = limit(args.limit);
        let out = out_folder(args.out.as_deref(), &model.name, &found.spec.name, names.len());
        Ok((found, out))
    };
    names.iter().map(dataset).collect()
}

/// Rows, in memory's own count.
pub(crate) fn limit(rows: Option<u64>) -> Option<usize> {
    rows.map(|rows| usize::try_from(rows).unwrap_or(usize::MAX))
}

/// How much is measured, and how.
pub(crate) fn measuring(args: &MeasuringArgs) -> Result<Measuring, CliError> {
    let MeasuringArgs { batch_size, threads, seed, latency_queries, timeout, mock } = args.clone();
    let scripts = mock.map(|path| {
        let malformed =
            |error| CliError::usage(format!("`{}` is not a mock script: {error}", path.display()), None);
        serde_json::from_str(&read_text(&path)?).map_err(malformed)
    });
    let mock = scripts.transpose()?.unwrap_or_default();
    Ok(Measuring {
        batch_size,
        threads: threads.unwrap_or_else(cores),
        seed,
        latency_queries,
        timeout_s: timeout.unwrap_or(defaults::TIMEOUT_S),
        mock,
    })
}

/// Plans every cell, then measures and shows one after the other. A cell that fails leaves the others alone;
/// the gravest exit code counts.
pub(crate) fn carry_out(request: &Request, json: bool, printer: Printer) -> Result<u8, CliError> {
    let mut progress = printer.progress();
    let jobs = run::plan(request, &mut progress)?;
    let workers = listen(request.measuring.timeout_s)?;
    measure_all(jobs, &workers, Show::of(json), printer, progress)
}

/// The way to worker processes. From here on Ctrl-C stops the measuring and not the program. While nothing has been
/// measured there is nothing to keep: a download or a conversion just ends, and leaves nothing half done.
pub(crate) fn listen(timeout_s: u64) -> Result<Workers, CliError> {
    let workers = Workers::new(Duration::from_secs(timeout_s))?;
    let flag = workers.stop();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|error| CliError::failed(format!("failed to listen for Ctrl-C: {error}"), None))?;
    Ok(workers)
}

/// What of a report goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// The table.
    Table,
    /// `report.json`.
    Json,
    /// Nothing.
    Nothing,
}

impl Show {
    fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Table }
    }
}

/// Measures and shows one cell after the other.
pub(crate) fn measure_all(
    jobs: Vec<Job>,
    workers: &Workers,
    shown: Show,
    printer: Printer,
    mut progress: Progress,
) -> Result<u8, CliError> {
    let mut codes = Vec::new();
    for job in jobs {
        if workers.stop().load(Ordering::Relaxed) {
            printer.error(&format!("not measured: {}", job.cell.dataset.name));
            codes.push(exit_code::INCONCLUSIVE);
            continue;
        }
        codes.push(match one(job, workers, shown, printer, &mut progress) {
            Ok(code) => code,
            Err(error) => {
                printer.error(&error.lines());
                error.exit_code
            }
        });
    }
    Ok(exit_code::of_all(&codes))
}

/// Measures and shows one cell. Returns its exit code.
fn one(
    job: Job,
    workers: &Workers,
    shown: Show,
    printer: Printer,
    progress: &mut Progress,
) -> Result<u8, CliError> {
    let out = job.out.clone();
    printer.status(&job.told());
    let measured = run::measure(job, workers, progress);
    progress.done();
    let Outcome { record, report } = measured?;
    // Where the table cannot be shown, the reports are there all the same.
    let shown = if shown == Show::Nothing { Ok(()) } else { show(&report, shown == Show::Json, printer) };
    tell_failures(&record, printer);
    printer.status(&format!("reports are in {}", out.display()));
    if record.interrupted {
        printer.error(&format!(
            "stopped by the user; what was measured is in {0}, and `gatecheck run --resume {0}` goes on with it",
            out.display()
        ));
    }
    shown.map(|()| report.exit_code)
}

fn tell_failures(record: &RunRecord, printer: Printer) {
    for arm in &record.arms {
        if let Some(failure) = &arm.failure {
            let what = format!("error: arm `{}` failed in {}: {}", arm.name, failure.phase, failure.message);
            printer.error(&plain(&what));
            for line in failure.stderr.lines() {
                printer.error(&format!("  | {}", plain(line)));
            }
        }
    }
}
